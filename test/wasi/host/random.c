/* random.c: random calls with random arguments. Guest's arguments: seed, time in ms, 1 to walk. Nothing may crash, hang or
 * touch the outside (the test looks). Every so often the guest gets a new context, for it closes what it has: descriptors
 * 0 to 2 are files, 3 and 4 grants, 5 a listening socket; clocks are fixed, so that nothing sleeps. The numbers of calls
 * and of those that succeeded are left in the file `calls`. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "../guest/table.h"
#include "../../../runtime-stub/w2n_wasi_host.h"

enum { EPOCH = 1500 };

static uint64_t state;
static uint32_t random32(void) {
  state = state * 6364136223846793005u + 1442695040888963407u;
  uint32_t x = (uint32_t)(state >> 33);
  return x ^ x >> 15;
}
static uint32_t below(uint32_t n) { return random32() % n; }

static const char *const names[] = {
    "file", "in", "in/deep", "..", ".", "", "/", "out_file", "out_dir/secret", "chain_file", "up/outside", "ok_dir/deep/../../file",
    "new", "new/x", "in/new", "../outside/secret", "in/../../outside", "loop1", "dangling_in", "links40", "file/", "new/", "abs_file",
    "in/back/../file", "dir2", "dir2/y", "slash_link/", "second_file", "in/up_root/outside/secret",
};

static i64 any_value(void) {
  static const i64 values[] = {0, 1, 2, 3, 4, 5, 7, 8, 15, 16, 31, 32, 100, 4096, 65536, 1000000000, -1, -2,
                               0x7fffffff, 0x80000000, 0xffffffff, 0x100000000, INT64_MAX, INT64_MIN, R_ALL};
  return below(3) == 0 ? (i64)((uint64_t)random32() << 32 | random32()) : values[below(sizeof values / sizeof values[0])];
}

static i64 address(uint32_t bytes) {
  uint64_t end = guest_memory_bytes();
  switch (below(16)) {
    case 0: return (i64)random32();
    case 1: return (i64)(end - below(bytes + 9));
    case 2: return -(i64)below(64);
    default: return (i64)(area + below(AREA / 2));
  }
}

/* Vectors and subscriptions that make sense, most of the time. */
static void prepare(i64 where, uint32_t element, uint32_t count) {
  if ((uint64_t)where + (uint64_t)element * count > guest_memory_bytes() || where < 0) return;
  for (uint32_t i = 0; i < count && i < 200; i++) {
    uint32_t p = (uint32_t)where + element * i;
    if (element == 8) {
      store32(p, (uint32_t)address(64));
      store32(p + 4, below(40) == 0 ? random32() : below(300));
    } else if (element == 48) {
      memset(at(p), 0, 48);
      *at(p + 8) = (uint8_t)below(4);
      store32(p + 16, below(12));
      store64(p + 24, i == 0 ? 0 : random32());
    }
  }
  if (element == 48 && count > 0) { /* One is over at once. */
    *at((uint32_t)where + 8) = 0;
    store32((uint32_t)where + 16, 1);
    store64((uint32_t)where + 24, 0);
  }
}

static bool walks;

static w2n_wasi *new_context(void) {
  w2n_wasi *c = w2n_wasi_new();
  CHECK(c != NULL, true);
  w2n_wasi_set(c, W2N_WASI_WALK, walks);
  w2n_wasi_set(c, W2N_WASI_CLOCK, 1000);
  w2n_wasi_set(c, W2N_WASI_SEED, 1);
  w2n_wasi_set(c, W2N_WASI_MAX_OPEN_FILES, 100);
  static const char *const dirs[] = {"grant", "grant", "grant", "grant", "second"};
  for (size_t i = 0; i < sizeof dirs / sizeof dirs[0]; i++) CHECK(w2n_wasi_add_dir(c, dirs[i], "/g"), 0);
  CHECK(w2n_wasi_add_listener(c, "127.0.0.1:0"), 0);
  CHECK(w2n_wasi_attach(guest_instance, c), 0);
  /* Something to work on, whatever the calls before have left. */
  path_unlink_file(GRANT, PATH("in"));
  path_create_directory(GRANT, PATH("in"));
  path_create_directory(GRANT, PATH("in/deep"));
  path_unlink_file(GRANT, PATH("file"));
  make_file("file", "content");
  for (i32 fd = 0; fd < 3; fd++) {
    CHECK(fd_close(fd), OK);
    path_open(GRANT, 0, PATH("file"), 0, R_ALL, 0, 0, OUT);
  }
  return c;
}

static bool one_call(void) {
  const call *c = &calls[below(CALLS)];
  parameter p[10];
  i64 v[10] = {0};
  int n = parse(c->roles, p);
  bool poll = strcmp(c->name, "poll_oneoff") == 0;
  for (int i = 0; i < n; i++) {
    switch (p[i].role) {
      case 'f': v[i] = below(20) == 0 ? any_value() : (i64)below(14); break;
      case 'd': v[i] = below(6) == 0 ? (i64)below(14) : 3 + (i64)below(2); break;
      case 's': v[i] = below(3) == 0 ? (i64)below(14) : 5; break;
      case 'p':
        v[i] = address(p[i].bytes);
        if (poll && i == 0) prepare(v[0], 48, 20);
        break;
      case 'a': v[i] = address(p[i].bytes); break;
      case 't': v[i] = address(16); break;
      case 'n': {
        v[i] = below(20) == 0 ? any_value() : (i64)below(p[i].bytes == 8 ? 40 : 3000);
        if (p[i - 1].role == 't') {
          const char *name = names[below(sizeof names / sizeof names[0])];
          if ((uint64_t)v[i - 1] + 64 < guest_memory_bytes() && v[i - 1] >= 0) memcpy(at((uint32_t)v[i - 1]), name, strlen(name));
          if (below(10) != 0) v[i] = (i64)strlen(name);
        } else if (p[i].bytes == 8) prepare(v[i - 1], 8, (uint32_t)v[i]);
        break;
      }
      default: v[i] = below(2) == 0 ? (i64)below(16) : any_value();
    }
  }
  if (strcmp(c->name, "proc_raise") == 0) v[0] &= 0x7fffffc0; /* 0 or none: the others end the program. */
  if (poll) v[2] = 1 + below(20);
  if (strcmp(c->name, "path_open") == 0 && below(4) != 0) {
    v[1] &= 1;
    v[4] &= 15;
    v[5] = below(2) ? R_RW : R_ALL;
    v[6] = R_ALL;
    v[7] &= 5;
  }
  if (strncmp(c->name, "sock_", 5) == 0 && strcmp(c->name, "sock_shutdown") != 0) fd_fdstat_set_flags((i32)v[0], NONBLOCK);
  i32 r = c->run(v);
  if (r < 0 || r > 76) {
    w2n_wasi_attach(guest_instance, NULL); /* The report goes to the standard output of the process. */
    fail(c->name, 0, "errno", r, 0);
    exit(1);
  }
  return r == 0;
}

void scenario(void) {
  /* Files stay small whatever is asked for; the signal that would come is the stub's to ignore. */
  struct rlimit small = {1 << 20, 1 << 20};
  struct timespec now;
  int calls_file = open("calls", O_CREAT | O_WRONLY | O_CLOEXEC, 0666);
  CHECK(calls_file > 2, true);
  CHECK(setrlimit(RLIMIT_FSIZE, &small), 0);
  CHECK(args_get(OUT, OUT + 64), OK);
  state = strtoull((const char *)at(load32(area + 4)), NULL, 10);
  long ms = atol((const char *)at(load32(area + 8)));
  clock_gettime(CLOCK_MONOTONIC, &now);
  long until = now.tv_sec * 1000 + now.tv_nsec / 1000000 + ms;
  walks = *at(load32(area + 12)) == '1';
  uint64_t done = 0, good = 0;
  do {
    w2n_wasi *c = new_context();
    for (int i = 0; i < EPOCH; i++) good += one_call();
    done += EPOCH;
    CHECK(w2n_wasi_attach(guest_instance, NULL), 0);
    w2n_wasi_free(c);
    clock_gettime(CLOCK_MONOTONIC, &now);
  } while (now.tv_sec * 1000 + now.tv_nsec / 1000000 < until);
  CHECK(dprintf(calls_file, "%llu %llu", (unsigned long long)done, (unsigned long long)good) > 0, true);
  say("random done\n");
}
