/* guest.c: the helpers of scenarios, and the start of a scenario as a wasm program. */
#include "guest.h"

#ifdef __wasm__
static uint8_t own_area[AREA];
uint32_t area;
_Noreturn void proc_exit(i32 code) __attribute__((import_module("wasi_snapshot_preview1"), import_name("proc_exit")));
#endif

static int failures;

void say(const char *text) {
  uint32_t n = (uint32_t)strlen(text);
  uint32_t v = area + AREA - 16, buffer = area + AREA - 4096;
  while (n > 0) {
    uint32_t step = n < 4000 ? n : 4000;
    memcpy(at(buffer), text, step);
    store32(v, buffer);
    store32(v + 4, step);
    if (fd_write(1, (i32)v, 1, (i32)(v + 8)) != OK) return;
    text += step;
    n -= step;
  }
}

void say_number(i64 n) {
  char digits[24], *p = digits + sizeof digits;
  uint64_t u = n < 0 ? 0 - (uint64_t)n : (uint64_t)n;
  *--p = 0;
  do *--p = (char)('0' + u % 10);
  while ((u /= 10) != 0);
  if (n < 0) *--p = '-';
  say(p);
}

void fail(const char *file, int line, const char *what, i64 got, i64 wanted) {
  const char *base = strrchr(file, '/');
  failures++;
  say("FAIL ");
  say(base != NULL ? base + 1 : file);
  say(":");
  say_number(line);
  say(": ");
  say(what);
  say(" gave ");
  say_number(got);
  say(", wanted ");
  say_number(wanted);
  say("\n");
}

i32 open_at(i32 dir, i32 lookup, const char *path, i32 oflags, i64 rights, i32 fdflags, i32 *fd) {
  i32 r = path_open(dir, lookup, PATH(path), oflags, rights, 0, fdflags, OUT);
  *fd = r == OK ? (i32)load32(area + RESULT) : -1;
  return r;
}

i32 write_text(i32 fd, const char *text, uint32_t *done) {
  uint32_t n = (uint32_t)strlen(text);
  memcpy(at(area + DATA), text, n);
  store32(area + VECTOR, area + DATA);
  store32(area + VECTOR + 4, n);
  i32 r = fd_write(fd, (i32)(area + VECTOR), 1, OUT);
  *done = r == OK ? load32(area + RESULT) : 0;
  return r;
}

i32 read_text(i32 fd, uint32_t room, uint32_t *done) {
  store32(area + VECTOR, area + DATA);
  store32(area + VECTOR + 4, room);
  i32 r = fd_read(fd, (i32)(area + VECTOR), 1, OUT);
  *done = r == OK ? load32(area + RESULT) : 0;
  return r;
}

i32 make_file(const char *path, const char *content) {
  i32 fd;
  uint32_t done;
  i32 r = open_at(GRANT, 0, path, CREAT | TRUNC, R_RW, 0, &fd);
  if (r == OK) r = write_text(fd, content, &done);
  if (r == OK) r = fd_close(fd);
  return r;
}

i32 stat_path(i32 lookup, const char *path) { return path_filestat_get(GRANT, lookup, PATH(path), OUT); }

#ifdef __wasm__
void _start(void);
void _start(void) {
  area = (uint32_t)(uintptr_t)own_area;
  scenario();
  proc_exit(failures != 0);
}
#else
int guest_run(void);
int guest_run(void) {
  scenario();
  return failures != 0;
}
#endif
