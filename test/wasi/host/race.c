/* race.c: while the guest works on paths, a second thread of the host keeps exchanging a directory with a link that
 * leads out, a file with such a link, and moves a directory out and back. The guest's argument 1 is the time in ms for
 * each operation. The tree is the one of escape.c; the current directory holds `grant` and `outside`. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../guest/guest.h"

static atomic_bool stop;
static atomic_ulong swaps;
static struct stat secret, inner, outside, above;

static void exchange(const char *a, const char *b) {
  if (syscall(SYS_renameat2, AT_FDCWD, a, AT_FDCWD, b, 2 /* RENAME_EXCHANGE */) != 0) {
    perror("renameat2");
    exit(1);
  }
}

static void *swapper(void *unused) {
  while (!atomic_load(&stop)) {
    exchange("grant/swap", "grant/swap_link");
    exchange("grant/swap_file", "grant/swap_file_link");
    if (rename("grant/moved/away", "outside/away") != 0 || rename("outside/away", "grant/moved/away") != 0) {
      perror("rename");
      exit(1);
    }
    atomic_fetch_add(&swaps, 1);
  }
  return unused;
}

static void must(int r, const char *what) {
  if (r != 0) {
    perror(what);
    exit(1);
  }
}

static void write_file(const char *path, const char *text) {
  int fd = open(path, O_CREAT | O_WRONLY | O_TRUNC, 0666);
  must(fd < 0 || write(fd, text, strlen(text)) < 0, path);
  close(fd);
}

/* The filestat at area + RESULT is of nothing outside. */
static void inside_only(const char *what) {
  uint64_t inode = load64(area + 8);
  if (inode == secret.st_ino || inode == inner.st_ino || inode == outside.st_ino || inode == above.st_ino)
    fail(what, 0, "reached the outside", (i64)inode, 0);
}

static void check_fd(const char *what, i32 r) {
  if (r != OK) return;
  i32 fd = (i32)load32(area);
  if (fd_filestat_get(fd, OUT) == OK) inside_only(what);
  CHECK(fd_close(fd), OK);
}

static void step(int op) {
  static const char *const paths[] = {"swap/secret", "swap", "swap_file", "moved/away/..", "moved/away/../..", "moved/away/deep/../../../..",
                                      "moved/away/../../../outside/secret", "swap/../outside/secret", "swap/dir/inner"};
  for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
    const char *p = paths[i];
    switch (op) {
      case 0: check_fd(p, path_open(GRANT, FOLLOW, PATH(p), 0, R_RW, 0, 0, OUT)); break;
      case 1: check_fd(p, path_open(GRANT, 0, PATH(p), CREAT | TRUNC, R_RW, 0, 0, OUT)); break;
      case 2: check_fd(p, path_open(GRANT, FOLLOW, PATH(p), CREAT | TRUNC, R_RW, 0, 0, OUT)); break;
      case 3: check_fd(p, path_open(GRANT, FOLLOW, PATH(p), DIRECTORY, 0, 0, 0, OUT)); break;
      case 4:
        if (path_filestat_get(GRANT, FOLLOW, PATH(p), OUT) == OK) inside_only(p);
        break;
      case 5: path_filestat_set_times(GRANT, FOLLOW, PATH(p), 1, 1, 5); break;
      case 6:
        if (path_link(GRANT, FOLLOW, PATH(p), GRANT, PATH2("stolen")) == OK) {
          if (path_filestat_get(GRANT, 0, PATH("stolen"), OUT) == OK) inside_only(p);
          CHECK(path_unlink_file(GRANT, PATH("stolen")), OK);
        }
        break;
      case 7:
        if (path_create_directory(GRANT, PATH("swap/new")) == OK) path_remove_directory(GRANT, PATH("swap/new"));
        path_remove_directory(GRANT, PATH("swap/dir"));
        break;
      case 8:
        path_unlink_file(GRANT, PATH("swap/secret"));
        path_symlink(PATH2("file"), GRANT, PATH("swap/secret"));
        path_unlink_file(GRANT, PATH("swap/dir/inner"));
        break;
      case 9:
        path_rename(GRANT, PATH("swap/secret"), GRANT, PATH2("stolen"));
        if (path_filestat_get(GRANT, 0, PATH("stolen"), OUT) == OK) inside_only(p);
        path_rename(GRANT, PATH2("stolen"), GRANT, PATH("swap/secret"));
        path_unlink_file(GRANT, PATH("stolen"));
        break;
      default:
        if (path_readlink(GRANT, PATH(p), (i32)(area + DATA), 100, OUT) == OK)
          CHECK(*at(area + DATA) == '/', false);
    }
  }
}

void scenario(void) {
  enum { OPERATIONS = 11 };
  uint32_t ms = 0;
  CHECK(args_sizes_get(OUT, OUT + 4), OK);
  CHECK(load32(area), 2);
  CHECK(args_get(OUT, OUT + 64), OK);
  ms = (uint32_t)atoi((const char *)at(load32(area + 4)));
  must(stat("outside/secret", &secret) | stat("outside/dir/inner", &inner) | stat("outside", &outside) | stat(".", &above), "stat");
  must(mkdir("grant/swap", 0777) | mkdir("grant/moved", 0777) | mkdir("grant/moved/away", 0777) | mkdir("grant/moved/away/deep", 0777), "mkdir");
  write_file("grant/swap/secret", "INSIDE");
  write_file("grant/swap_file", "INSIDE");
  must(symlink("../outside", "grant/swap_link") | symlink("../outside/secret", "grant/swap_file_link"), "symlink");
  pthread_t thread;
  must(pthread_create(&thread, NULL, swapper, NULL), "thread");
  for (int op = 0; op < OPERATIONS; op++) {
    CHECK(clock_time_get(1, 0, OUT), OK);
    uint64_t until = load64(area) + (uint64_t)ms * 1000000;
    do {
      step(op);
      CHECK(clock_time_get(1, 0, OUT), OK);
    } while (load64(area) < until);
  }
  atomic_store(&stop, true);
  pthread_join(thread, NULL);
  CHECK(atomic_load(&swaps) > 10, true);
  say("race done ");
  say_number((i64)atomic_load(&swaps));
  say("\n");
}
