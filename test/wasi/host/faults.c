/* faults.c: each call to the host fails in turn. One sequence of WASI calls runs again and again; in round k the k-th call
 * that the stub makes to the host fails (the test links with -Wl,--wrap for each __wrap_ function below). The WASI call
 * under way must give the errno, or what it gives otherwise where the error says nothing about its result (`quiet`) or is
 * EINTR; no descriptor may stay open. Then writes that the host cuts short lose nothing.
 * Grant: an empty directory, the current one. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "../guest/guest.h"

static long countdown; /* calls until the fault; 0: none to come */
static int fault;      /* its errno */
static const char *fired;
static bool cut; /* writev takes 3 bytes at most */

static bool now(const char *name) {
  if (countdown == 0 || --countdown != 0) return false;
  fired = name;
  errno = fault;
  return true;
}

#define WRAP(type, name, parameters, arguments) \
  type __real_##name parameters;                \
  type __wrap_##name parameters;                \
  type __wrap_##name parameters { return now(#name) ? (type)-1 : __real_##name arguments; }
WRAP(int, fstat, (int a, struct stat *b), (a, b))
WRAP(int, fstatat, (int a, const char *b, struct stat *c, int d), (a, b, c, d))
WRAP(int, fstatfs, (int a, void *b), (a, b))
WRAP(int, fcntl, (int a, int b, long c), (a, b, c))
WRAP(int, ioctl, (int a, unsigned long b, void *c), (a, b, c))
WRAP(int, openat, (int a, const char *b, int c, unsigned d), (a, b, c, d))
WRAP(long, syscall, (long n, long a, long b, long c, long d), (n, a, b, c, d))
WRAP(ssize_t, readv, (int a, const struct iovec *b, int c), (a, b, c))
WRAP(ssize_t, preadv, (int a, const struct iovec *b, int c, off_t d), (a, b, c, d))
WRAP(ssize_t, pwritev, (int a, const struct iovec *b, int c, off_t d), (a, b, c, d))
WRAP(off_t, lseek, (int a, off_t b, int c), (a, b, c))
WRAP(int, fallocate, (int a, int b, off_t c, off_t d), (a, b, c, d))
WRAP(int, ftruncate, (int a, off_t b), (a, b))
WRAP(int, fsync, (int a), (a))
WRAP(int, fdatasync, (int a), (a))
WRAP(int, futimens, (int a, const struct timespec *b), (a, b))
WRAP(int, utimensat, (int a, const char *b, const struct timespec *c, int d), (a, b, c, d))
WRAP(int, mkdirat, (int a, const char *b, mode_t c), (a, b, c))
WRAP(int, unlinkat, (int a, const char *b, int c), (a, b, c))
WRAP(int, linkat, (int a, const char *b, int c, const char *d, int e), (a, b, c, d, e))
WRAP(int, symlinkat, (const char *a, int b, const char *c), (a, b, c))
WRAP(int, renameat, (int a, const char *b, int c, const char *d), (a, b, c, d))
WRAP(ssize_t, readlinkat, (int a, const char *b, char *c, size_t d), (a, b, c, d))
WRAP(int, clock_gettime, (clockid_t a, struct timespec *b), (a, b))
WRAP(int, clock_getres, (clockid_t a, struct timespec *b), (a, b))
WRAP(ssize_t, getrandom, (void *a, size_t b, unsigned c), (a, b, c))
WRAP(int, sched_yield, (void), ())
WRAP(int, ppoll, (struct pollfd *a, nfds_t b, const struct timespec *c, const sigset_t *d), (a, b, c, d))

ssize_t __real_writev(int, const struct iovec *, int);
ssize_t __wrap_writev(int, const struct iovec *, int);
ssize_t __wrap_writev(int fd, const struct iovec *v, int n) {
  if (now("writev")) return -1;
  struct iovec first = v[0];
  if (!cut || fd <= 2) return __real_writev(fd, v, n);
  if (first.iov_len > 3) first.iov_len = 3;
  return __real_writev(fd, &first, 1);
}
int __real_close(int);
int __wrap_close(int);
int __wrap_close(int fd) {
  int r = __real_close(fd);
  return now("close") ? -1 : r; /* Closed all the same, as Linux does it. */
}
int __real_posix_fadvise(int, off_t, off_t, int);
int __wrap_posix_fadvise(int, off_t, off_t, int);
int __wrap_posix_fadvise(int a, off_t b, off_t c, int d) {
  return now("posix_fadvise") ? fault : __real_posix_fadvise(a, b, c, d);
}
void *__real_malloc(size_t);
void *__wrap_malloc(size_t);
void *__wrap_malloc(size_t n) { return fault == ENOMEM && now("malloc") ? NULL : __real_malloc(n); }
void *__real_realloc(void *, size_t);
void *__wrap_realloc(void *, size_t);
void *__wrap_realloc(void *p, size_t n) { return fault == ENOMEM && now("realloc") ? NULL : __real_realloc(p, n); }

/* Errors that say nothing about the result: a close, a look at whether something is a link or a terminal; in poll_oneoff
 * the count of bytes to read and a clock, which then rings; in fd_readdir a further batch, whose error comes again. */
static bool quiet(const char *call) {
  static const struct {
    const char *call, *name;
  } rows[] = {{"", "close"},
              {"", "readlinkat"},
              {"", "ioctl"},
              {"poll_oneoff", "lseek"},
              {"poll_oneoff", "fstat"},
              {"poll_oneoff", "fstatat"}, /* what musl makes of fstat */
              {"poll_oneoff", "clock_gettime"},
              {"fd_readdir", "syscall"}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
    if (strncmp(call, rows[i].call, strlen(rows[i].call)) == 0 && strcmp(fired, rows[i].name) == 0) return true;
  return false;
}

/* Calls that a signal may end with EINTR. */
static bool interruptible(void) {
  static const char *const names[] = {"readv", "writev", "preadv", "pwritev", "fallocate", "ftruncate", "fsync",
                                      "fdatasync", "getrandom", "ppoll", "openat", "syscall"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
    if (strcmp(fired, names[i]) == 0) return true;
  return false;
}

/* True when the fault has come: the sequence ends. */
static bool judge(int line, const char *what, i32 got, i32 wanted) {
  if (fired == NULL) {
    if (got == wanted) return false;
    countdown = 0; /* The report takes calls, too. */
    fail(__FILE__, line, what, got, wanted);
    return true;
  }
  i32 expected = fault == EIO ? 29 : fault == ENOMEM ? 48 : 27;
  bool good = fault == EINTR ? got == wanted || !interruptible() : got == expected || (quiet(what) && got == wanted);
  if (!good) {
    fail(__FILE__, line, what, got, expected);
    fail(__FILE__, line, fired, got, expected);
  }
  return true;
}
#define STEP(call, wanted)                                    \
  do {                                                        \
    i32 got_ = (call);                                        \
    if (judge(__LINE__, #call, got_, wanted)) return;         \
  } while (0)

static i32 vector_of(uint32_t bytes) {
  store32(area + VECTOR, area + DATA);
  store32(area + VECTOR + 4, bytes);
  return (i32)(area + VECTOR);
}

static void sequence(void) {
  i32 fd, dir;
  uint32_t s = area + 2048;
  STEP(clock_time_get(1, 0, OUT), OK);
  STEP(clock_res_get(1, OUT), OK);
  STEP(random_get((i32)(area + DATA), 64), OK);
  STEP(sched_yield_(), OK);
  STEP(path_create_directory(GRANT, PATH("d")), OK);
  STEP(open_at(GRANT, 0, "d/file", CREAT | TRUNC, R_ALL, 0, &fd), OK);
  STEP(fd_write(fd, vector_of(5000), 1, OUT), OK);
  STEP(fd_pwrite(fd, vector_of(10), 1, 100, OUT), OK);
  STEP(fd_seek(fd, 0, 0, OUT), OK);
  STEP(fd_tell(fd, OUT), OK);
  STEP(fd_read(fd, vector_of(10), 1, OUT), OK);
  STEP(fd_pread(fd, vector_of(10), 1, 10, OUT), OK);
  STEP(fd_sync(fd), OK);
  STEP(fd_datasync(fd), OK);
  STEP(fd_advise(fd, 0, 10, 1), OK);
  STEP(fd_allocate(fd, 0, 8192), OK);
  STEP(fd_filestat_get(fd, OUT), OK);
  STEP(fd_filestat_set_size(fd, 100), OK);
  STEP(fd_filestat_set_times(fd, 5, 5, 5), OK);
  STEP(fd_fdstat_set_flags(fd, APPEND), OK);
  STEP(path_link(GRANT, 0, PATH("d/file"), GRANT, PATH2("d/other")), OK);
  STEP(path_symlink(PATH("other"), GRANT, PATH2("d/link")), OK);
  STEP(path_readlink(GRANT, PATH("d/link"), (i32)(area + DATA), 100, OUT), fired && !strcmp(fired, "readlinkat") ? 29 : OK);
  STEP(stat_path(FOLLOW, "d/file"), OK);
  STEP(path_filestat_set_times(GRANT, 0, PATH("d/file"), 5, 5, 5), OK);
  STEP(path_rename(GRANT, PATH("d/other"), GRANT, PATH2("d/third")), OK);
  STEP(open_at(GRANT, 0, "d", DIRECTORY, R_READDIR, 0, &dir), OK);
  STEP(fd_readdir(dir, (i32)(area + DATA), 4096, 0, OUT), OK);
  STEP(fd_close(dir), OK);
  memset(at(s), 0, 96);
  *at(s + 8) = 1;
  store32(s + 16, (uint32_t)fd);
  store32(s + 48 + 16, 1);
  store64(s + 48 + 24, 1000000);
  STEP(poll_oneoff((i32)s, (i32)(area + 4096), 2, OUT), OK);
  STEP(path_unlink_file(GRANT, PATH("d/third")), OK);
  STEP(path_unlink_file(GRANT, PATH("d/link")), OK);
  STEP(path_unlink_file(GRANT, PATH("d/file")), OK);
  STEP(path_remove_directory(GRANT, PATH("d")), OK);
  STEP(fd_close(fd), OK);
}

static int open_files(void) {
  struct stat st;
  int n = 0;
  for (int i = 0; i < 256; i++) n += __real_fstat(i, &st) == 0;
  return n;
}

static void tidy(void) {
  static const char *const names[] = {"d/third", "d/link", "d/file", "d/other"};
  countdown = 0;
  for (i32 fd = GRANT + 1; fd < 16; fd++) fd_close(fd);
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) unlink(names[i]);
  rmdir("d");
}

static void each_fails(int with) {
  for (long k = 1;; k++) {
    int before = open_files();
    fired = NULL;
    fault = with;
    countdown = k;
    sequence();
    const char *what = fired;
    tidy();
    if (open_files() != before) fail(__FILE__, __LINE__, what != NULL ? what : "none", open_files(), before);
    if (what == NULL) {
      CHECK(k > 60, true); /* The sequence does make calls. */
      return;
    }
  }
}

static void short_writes(void) {
  struct stat st;
  i32 fd;
  cut = true;
  fired = NULL;
  CHECK(open_at(GRANT, 0, "short", CREAT, R_RW, 0, &fd), OK);
  CHECK(fd_write(fd, vector_of(5000), 1, OUT), OK);
  CHECK(load32(area), 5000);
  CHECK(stat("short", &st), 0);
  CHECK(st.st_size, 5000);
  CHECK(fd_close(fd), OK);
  cut = false;
}

void scenario(void) {
  sequence(); /* What is asked once (openat2, the grant's device) is known now. */
  each_fails(EIO);
  each_fails(EINTR);
  each_fails(ENOMEM);
  short_writes();
  say("faults done\n");
}
