/* pointers.c: every address and length of every function at the end of memory, across it, and where it wraps 2^32. From
 * the table in functions.h; the grant is an empty directory, descriptor 4 a listening socket. Then every path: empty, with
 * NUL, too long. There are arguments and an environment. */
#include "table.h"

enum { LISTENER = 4 };

static i32 file;
static uint32_t tried;

/* Values with which every address is good. */
static void fill(const parameter *p, int n, i64 *v) {
  memset(at(area), 0, 32768);
  for (int i = 0; i < n; i++) {
    switch (p[i].role) {
      case 'f': v[i] = file; break;
      case 'd': v[i] = GRANT; break;
      case 's': v[i] = LISTENER; break;
      case 'n': v[i] = 1; break;
      case 't':
        *at(area + PATH_A) = 'x';
        v[i] = (i64)area + PATH_A;
        break;
      case 'p':
      case 'a': v[i] = (i64)area + 2048 * i; break;
      default: v[i] = 0;
    }
  }
}

static void try_addresses(const call *c) {
  parameter p[10];
  i64 v[10];
  int n = parse(c->roles, p);
  uint64_t end = guest_memory_bytes();
  for (int i = 0; i < n; i++) {
    if (p[i].role != 'p' && p[i].role != 'a' && p[i].role != 't') continue;
    bool array = p[i].role != 'p';
    uint32_t bytes = p[i].bytes;
    if (bytes == 0) continue; /* The size is told by another call. */
    const uint64_t bad[] = {end - bytes + 1, end, end + 1, 0x7fffffff, 0x80000000, 0xffffffff, 0x100000000 - bytes};
    for (size_t k = 0; k < sizeof bad / sizeof bad[0]; k++) {
      if (bad[k] + bytes <= end) continue;
      fill(p, n, v);
      if (strcmp(c->name, "poll_oneoff") == 0) v[2] = 1;
      if (strcmp(c->name, "fd_prestat_dir_name") == 0) v[2] = 64;
      v[i] = (i64)(i32)(uint32_t)bad[k];
      i32 r = c->run(v);
      if (r != FAULT) fail(c->name, i, "address", r, FAULT);
      tried++;
    }
    /* Exactly at the end it fits. */
    fill(p, n, v);
    if (strcmp(c->name, "poll_oneoff") == 0) v[2] = 1;
    v[i] = (i64)(end - bytes);
    if (p[i].role == 't') *at((uint32_t)(end - 1)) = 'x';
    else memset(at((uint32_t)(end - bytes)), 0, bytes);
    if (c->run(v) == FAULT) fail(c->name, i, "address at the end", FAULT, OK);
    tried++;
    if (!array) continue;
    /* Counts that reach beyond the end, or whose product wraps 2^32. */
    const uint64_t counts[] = {end / bytes + 1, 0x7fffffff, 0x80000000, 0xffffffff, 0x20000000, 0x20000001, 0x100000000 / bytes};
    for (size_t k = 0; k < sizeof counts / sizeof counts[0]; k++) {
      uint64_t count = counts[k] & 0xffffffff;
      if (count * bytes <= end) continue;
      fill(p, n, v);
      v[i + 1] = (i64)(i32)(uint32_t)count;
      i32 r = c->run(v);
      if (r != FAULT) fail(c->name, i, "count", r, FAULT);
      tried++;
    }
  }
}

/* Functions whose size another one tells: lists of addresses, and the strings. */
static void try_lists(void) {
  static i32 (*const get[2])(i32, i32) = {args_get, environ_get};
  uint64_t end = guest_memory_bytes();
  for (int i = 0; i < 2; i++) {
    CHECK((i == 0 ? args_sizes_get : environ_sizes_get)(OUT, OUT + 4), OK);
    uint32_t list = 4 * load32(area), text = load32(area + 4);
    CHECK(list > 0 && text > 0, true);
    const uint64_t bad[] = {end + 1, 0x7fffffff, 0x80000000, 0xffffffff};
    for (uint64_t at_end = 0; at_end < 2; at_end++) {
      CHECK(get[i]((i32)(end - list + at_end), (i32)area + DATA), at_end ? FAULT : OK);
      CHECK(get[i]((i32)area + DATA, (i32)(end - text + at_end)), at_end ? FAULT : OK);
    }
    for (size_t k = 0; k < sizeof bad / sizeof bad[0]; k++) {
      CHECK(get[i]((i32)(uint32_t)bad[k], (i32)area + DATA), FAULT);
      CHECK(get[i]((i32)area + DATA, (i32)(uint32_t)bad[k]), FAULT);
    }
    CHECK(get[i]((i32)(0x100000000 - list), (i32)area + DATA), FAULT);
    CHECK(get[i]((i32)area + DATA, (i32)(0x100000000 - text)), FAULT);
    tried += 14;
  }
}

/* Each path of each function: what cannot be a path. */
static void try_paths(const call *c) {
  parameter p[10];
  i64 v[10];
  int n = parse(c->roles, p);
  for (int i = 0; i < n; i++) {
    if (p[i].role != 't') continue;
    enum { LONG = 5000, PLACE = 24576 };
    for (i32 bytes = 0; bytes <= LONG; bytes = bytes < 8 ? bytes + 1 : bytes == 8 ? 4095 : bytes == 4095 ? 4096 : bytes == 4096 ? LONG : LONG + 1) {
      fill(p, n, v);
      memset(at(area + PLACE), 'n', LONG);
      v[i] = (i64)area + PLACE;
      v[i + 1] = bytes;
      if (strcmp(c->name, "path_filestat_set_times") == 0) v[n - 1] = 5; /* Without a time to set, nothing is looked up. */
      bool is_target = strcmp(c->name, "path_symlink") == 0 && i == 0;
      i32 wanted = bytes == 0 ? NOENT : bytes >= 4096 ? NAMETOOLONG : INVAL;
      if (bytes == 4095) { /* a name of 4095 bytes; as the text of a link it would be good */
        if (is_target) continue;
        wanted = NAMETOOLONG;
      } else if (bytes > 0 && bytes <= 8) *at(area + PLACE + (uint32_t)bytes / 2) = 0; /* first, middle or last */
      i32 r = c->run(v);
      if (r != wanted) fail(c->name, i, "path", r, wanted);
      if (bytes > 0 && bytes <= 8) { /* NUL at the very end */
        memset(at(area + PLACE), 'n', LONG);
        *at(area + PLACE + (uint32_t)bytes - 1) = 0;
        if ((r = c->run(v)) != INVAL) fail(c->name, i, "path with NUL", r, INVAL);
      }
      tried++;
    }
  }
}

/* The addresses inside vectors. */
static void try_vectors(void) {
  uint64_t end = guest_memory_bytes();
  const struct {
    uint64_t address, bytes;
    bool good;
  } vectors[] = {{end - 1, 1, true},          {end, 0, true},           {end - 1, 2, false},        {end, 1, false},
                 {end + 1, 0, false},         {0xffffffff, 1, false},   {0xffffffff, 2, false},     {0, 0xffffffff, false},
                 {1, 0xffffffff, false},      {0x80000000, 0x80000000, false}, {area, 0x100000000 - area, false}};
  for (size_t k = 0; k < sizeof vectors / sizeof vectors[0]; k++) {
    for (uint32_t place = 0; place < 40; place += 13) { /* also behind the first host call's vectors */
      memset(at(area + 2048), 0, 8 * 40);
      store32(area + 2048 + 8 * place, (uint32_t)vectors[k].address);
      store32(area + 2048 + 8 * place + 4, (uint32_t)vectors[k].bytes);
      i32 wanted = vectors[k].good ? OK : FAULT;
      CHECK(fd_pwrite(file, (i32)area + 2048, 40, 0, OUT), wanted);
      CHECK(fd_pread(file, (i32)area + 2048, 40, 0, OUT), wanted);
      CHECK(fd_seek(file, 0, 0, OUT), OK);
      CHECK(fd_write(file, (i32)area + 2048, 40, OUT), wanted);
      CHECK(fd_seek(file, 0, 0, OUT), OK);
      CHECK(fd_read(file, (i32)area + 2048, 40, OUT), wanted);
      tried += 4;
    }
  }
  /* What is good before a bad vector is moved. */
  memset(at(area + 2048), 0, 8 * 40);
  for (uint32_t i = 0; i < 40; i++) {
    store32(area + 2048 + 8 * i, i == 30 ? (uint32_t)end : area + 4096);
    store32(area + 2048 + 8 * i + 4, 1);
  }
  CHECK(fd_pwrite(file, (i32)area + 2048, 40, 0, OUT), OK);
  CHECK(load32(area), 30);
}

void scenario(void) {
  CHECK(path_open(GRANT, 0, PATH("pointers"), CREAT, R_ALL & 0x8e001ff, 0, 0, OUT), OK);
  file = (i32)load32(area);
  CHECK(fd_fdstat_set_flags(LISTENER, NONBLOCK), OK);
  CHECK(make_file("x", ""), OK); /* The other path of those that take two. */
  for (size_t i = 0; i < CALLS; i++) try_paths(&calls[i]);
  CHECK(path_unlink_file(GRANT, PATH("x")), OK);
  for (size_t i = 0; i < CALLS; i++) try_addresses(&calls[i]);
  try_lists();
  try_vectors();
  say("pointers done ");
  say_number(tried);
  say("\n");
}
