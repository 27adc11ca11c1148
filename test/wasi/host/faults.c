/* faults.c: each call to the host fails in turn. One sequence of WASI calls runs again and again; in round k the k-th call
 * that the stub makes to the host fails (the test links with -Wl,--wrap for each __wrap_ function below). The WASI call
 * under way must give the errno, or what it gives otherwise where the error says nothing about its result (`quiet`) or is
 * EINTR; no descriptor may stay open. Before that the set-up of a program with every kind of grant: whichever call
 * fails, it starts as if nothing had happened or refuses with one line. Then a disk that fills up in the middle of a write,
 * and writes that the host cuts short: nothing is lost.
 * Grants: an empty directory, the current one; a listening socket. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../guest/guest.h"
#include "../../../runtime-stub/w2n_wasi.h"

enum { LISTENER = 4 };

static long countdown; /* calls until the fault; 0: none to come */
static int fault;      /* its errno */
static const char *fired;
static bool cut; /* writev takes 3 bytes at most */
static long space = -1; /* bytes that the disk still takes; -1: enough */

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

WRAP(int, socket, (int a, int b, int c), (a, b, c))
WRAP(int, bind, (int a, const struct sockaddr *b, socklen_t c), (a, b, c))
WRAP(int, listen, (int a, int b), (a, b))
WRAP(int, setsockopt, (int a, int b, int c, const void *d, socklen_t e), (a, b, c, d, e))
WRAP(int, getsockopt, (int a, int b, int c, void *d, socklen_t *e), (a, b, c, d, e))
WRAP(int, accept4, (int a, struct sockaddr *b, socklen_t *c, int d), (a, b, c, d))
WRAP(ssize_t, recvmsg, (int a, struct msghdr *b, int c), (a, b, c))
WRAP(ssize_t, sendmsg, (int a, const struct msghdr *b, int c), (a, b, c))
WRAP(int, shutdown, (int a, int b), (a, b))
WRAP(int, poll, (struct pollfd *a, nfds_t b, int c), (a, b, c))
WRAP(int, dup2, (int a, int b), (a, b))
WRAP(int, open, (const char *a, int b, mode_t c), (a, b, c))
WRAP(int, sigaction, (int a, const struct sigaction *b, struct sigaction *c), (a, b, c))
WRAP(int, setitimer, (int a, const struct itimerval *b, struct itimerval *c), (a, b, c))
WRAP(int, prctl, (int a, long b, long c, long d, long e), (a, b, c, d, e))

/* The one who waits for a reader of the pipe gets it here. */
static int reader = -1;
int __real_nanosleep(const struct timespec *, struct timespec *);
int __wrap_nanosleep(const struct timespec *, struct timespec *);
int __wrap_nanosleep(const struct timespec *a, struct timespec *b) {
  if (reader < 0) reader = __real_open("fifo", O_RDONLY | O_NONBLOCK, 0);
  return now("nanosleep") ? -1 : __real_nanosleep(a, b);
}
ssize_t __real_writev(int, const struct iovec *, int);
ssize_t __wrap_writev(int, const struct iovec *, int);
ssize_t __wrap_writev(int fd, const struct iovec *v, int n) {
  if (now("writev")) return -1;
  struct iovec first = v[0];
  if (space >= 0 && fd > 2) {
    if (space == 0) return errno = ENOSPC, -1;
    if ((long)first.iov_len > space) first.iov_len = (size_t)space;
    space -= (long)first.iov_len;
    return __real_writev(fd, &first, 1);
  }
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
char *__real_strdup(const char *);
char *__wrap_strdup(const char *);
char *__wrap_strdup(const char *s) { return fault == ENOMEM && now("strdup") ? NULL : __real_strdup(s); }
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
              {"", "nanosleep"},
              {"", "getsockopt"}, /* of which type a socket is, whether it listens: what acts on it says so */
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
                                      "fdatasync", "getrandom", "ppoll", "openat", "syscall",
                                      "poll", "nanosleep", "accept4", "recvmsg", "sendmsg"};
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

/* ---- Pipes and sockets ---- */

static struct sockaddr_in listening;

static void find_listener(void) {
  for (int fd = 3; fd < 64; fd++) {
    int yes = 0;
    socklen_t n = sizeof yes, bytes = sizeof listening;
    if (__real_getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &yes, &n) == 0 && yes &&
        getsockname(fd, (struct sockaddr *)&listening, &bytes) == 0)
      return;
  }
  fail(__FILE__, __LINE__, "no listening socket", 0, 1);
}

static int peer = -1, writer = -1;

static void streams(void) {
  i32 fd;
  char text[8];
  STEP(open_at(GRANT, 0, "fifo", 0, R_WRITE | R_SET_FLAGS, 0, &fd), OK); /* waits for its reader */
  STEP(fd_write(fd, vector_of(5), 1, OUT), OK);
  STEP(fd_close(fd), OK);
  CHECK(read(reader, text, 8), 5);
  close(reader);
  reader = -1;
  STEP(open_at(GRANT, 0, "fifo", 0, R_READ, 0, &fd), OK);
  writer = __real_open("fifo", O_WRONLY, 0);
  CHECK(write(writer, "12345", 5), 5);
  STEP(fd_read(fd, vector_of(10), 1, OUT), OK);
  STEP(fd_close(fd), OK);
  __real_close(writer);
  writer = -1;

  peer = __real_socket(AF_INET, SOCK_STREAM, 0);
  CHECK(connect(peer, (struct sockaddr *)&listening, sizeof listening), 0);
  STEP(sock_accept(LISTENER, 0, OUT), OK);
  fd = (i32)load32(area);
  CHECK(send(peer, "hello", 5, 0), 5);
  STEP(sock_recv(fd, vector_of(2), 1, 0, OUT, OUT + 4), OK);
  STEP(fd_read(fd, vector_of(3), 1, OUT), OK);
  STEP(sock_send(fd, vector_of(4), 1, 0, OUT), OK);
  STEP(fd_write(fd, vector_of(4), 1, OUT), OK);
  CHECK(recv(peer, text, 8, MSG_WAITALL), 8);
  STEP(fd_filestat_get(fd, OUT), OK);
  STEP(sock_shutdown(fd, 3), OK);
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
  int *const own[] = {&peer, &writer, &reader};
  for (size_t i = 0; i < 3; i++) {
    if (*own[i] >= 0) __real_close(*own[i]);
    *own[i] = -1;
  }
  if (listening.sin_port != 0) { /* A connection that nobody took. */
    fd_fdstat_set_flags(LISTENER, NONBLOCK);
    if (sock_accept(LISTENER, 0, OUT) == OK) fd_close((i32)load32(area));
    fd_fdstat_set_flags(LISTENER, 0);
  }
  for (i32 fd = LISTENER + 1; fd < 16; fd++) fd_close(fd);
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) unlink(names[i]);
  rmdir("d");
}

static void each_fails(void (*sequence)(void), long least, int with) {
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
      CHECK(k > least, true); /* The sequence does make calls. */
      return;
    }
  }
}

/* The disk takes 1000 bytes more of 5000: they count, what comes after says why, and when there is room it goes on. */
static void disk_full(void) {
  struct stat st;
  i32 fd;
  fired = NULL;
  CHECK(open_at(GRANT, 0, "full", CREAT, R_RW, 0, &fd), OK);
  for (uint32_t i = 0; i < 5000; i++) *at(area + DATA + i) = (uint8_t)(i % 251);
  space = 1000;
  CHECK(fd_write(fd, vector_of(5000), 1, OUT), OK);
  CHECK(load32(area), 1000);
  CHECK(fd_write(fd, vector_of(5000), 1, OUT), 51 /* NOSPC */);
  CHECK(fd_tell(fd, OUT), OK);
  CHECK(load64(area), 1000);
  space = -1;
  store32(area + VECTOR, area + DATA + 1000);
  store32(area + VECTOR + 4, 4000);
  CHECK(fd_write(fd, (i32)area + VECTOR, 1, OUT), OK);
  CHECK(load32(area), 4000);
  memset(at(area + DATA), 0, 5000);
  CHECK(fd_pread(fd, vector_of(5000), 1, 0, OUT), OK);
  CHECK(load32(area), 5000);
  for (uint32_t i = 0; i < 5000; i++) CHECK(*at(area + DATA + i), i % 251);
  CHECK(fd_close(fd), OK);
  CHECK(stat("full", &st), 0);
  CHECK(st.st_size, 5000);
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

/* ---- The set-up ---- */

void before_setup(const w2n_start *given);

/* In a process of its own: the k-th call fails. 0: there were fewer; 1: well; else what was wrong. */
static int start_once(const w2n_start *start, long k, int with, unsigned closed) {
  for (int fd = 0; fd < 3; fd++)
    if (closed & (1u << fd)) __real_close(fd);
  fired = NULL;
  fault = with;
  countdown = k;
  const char *refusal = w2n_wasi_setup(start);
  countdown = 0;
  if (fired == NULL) return refusal == NULL ? 0 : 2;
  if (refusal != NULL) return refusal[0] != 0 && strchr(refusal, '\n') == NULL ? 1 : 3;
  /* It starts all the same: only if that call did not matter, and the standard streams are what they should be. */
  if (strcmp(fired, "close") != 0 && strcmp(fired, "getsockopt") != 0) return 4;
  for (int fd = 0; fd < 3; fd++)
    if (closed & (1u << fd) && fd_close(fd) != BADF) return 5;
  return 1;
}

void before_setup(const w2n_start *given) {
  static char *argv[] = {"program", "an argument", NULL}, *envp[] = {"A=1", "B=2", NULL};
  static const w2n_grant grants[] = {
      {W2N_GRANT_DIR, true, ".::/"},        {W2N_GRANT_DIR, true, "."},          {W2N_GRANT_ENV, true, "A"},
      {W2N_GRANT_INHERIT_ENV, true, ""},    {W2N_GRANT_ENV, true, "B=3"},        {W2N_GRANT_LISTEN, true, "127.0.0.1:0"},
      {W2N_GRANT_TIMEOUT, true, "3600000"}, {W2N_GRANT_ALLOW_DEVICES, true, ""}, {W2N_GRANT_SECCOMP, true, ""},
  };
  static const int errors[] = {EIO, EINTR, ENOMEM, EMFILE};
  w2n_start start = {2, argv, envp, grants, sizeof grants / sizeof grants[0]};
  char text[2048] = ""; /* An environment that takes memory. */
  memset(text, 'x', sizeof text - 1);
  memcpy(text, "A=", 2);
  envp[0] = text;
  /* By a name of its own the program is told that it is emulated: slow, and without filters. */
  bool emulated = false;
  for (size_t i = 0; i < given->grant_count; i++) emulated |= given->grants[i].kind == W2N_GRANT_ARG0;
  if (emulated) start.grant_count--;
  for (size_t e = 0; e < (emulated ? 1 : sizeof errors / sizeof errors[0]); e++)
    for (unsigned closed = 0; closed < 8; closed += emulated ? 7 : 1) {
      long k = 0;
      int code;
      do {
        int status;
        pid_t child = fork();
        k++;
        if (child == 0) _exit(start_once(&start, k, errors[e], closed));
        if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status)) {
          dprintf(2, "set-up, call %ld: the child ended badly\n", k);
          _exit(1);
        }
        code = WEXITSTATUS(status);
        if (code > 1) {
          dprintf(2, "set-up, call %ld fails with %d, closed %u: wrong in way %d\n", k, errors[e], closed, code);
          _exit(1);
        }
      } while (code != 0);
      if (k < 12) {
        dprintf(2, "the set-up makes only %ld calls\n", k);
        _exit(1);
      }
    }
}

/* ---- Closing a standard stream ---- */

/* In a process of its own: whichever call fails once, the stream is closed and its number stays taken. */
static int close_once(long k, int with, i32 fd) {
  struct stat st;
  CHECK(fd_fdstat_get(fd, OUT), OK); /* It has been looked at. */
  fired = NULL;
  fault = with;
  countdown = k;
  i32 r = fd_close(fd);
  countdown = 0;
  if (r != OK || fd_close(fd) != BADF) return 2;
  if (__real_fstat(fd, &st) != 0 || !S_ISSOCK(st.st_mode)) return 3;
  return fired != NULL;
}

static void closing(void) {
  static const int errors[] = {EMFILE, EINTR};
  for (size_t e = 0; e < 2; e++)
    for (i32 fd = 0; fd < 2; fd++)
      for (long k = 1;; k++) {
        int status = 0;
        pid_t child = fork();
        if (child == 0) _exit(close_once(k, errors[e], fd));
        CHECK(waitpid(child, &status, 0), child);
        CHECK(WIFEXITED(status), true);
        if (WEXITSTATUS(status) > 1) fail(__FILE__, __LINE__, "closing a stream", WEXITSTATUS(status), 1);
        if (WEXITSTATUS(status) != 1) {
          CHECK(k > 2, true);
          break;
        }
      }
}

void scenario(void) {
  static const int errors[] = {EIO, EINTR, ENOMEM};
  sequence(); /* What is asked once (openat2, the grant's device) is known now. */
  find_listener();
  CHECK(mkfifo("fifo", 0666), 0);
  for (int i = 0; i < 3; i++) {
    each_fails(sequence, 60, errors[i]);
    each_fails(streams, 20, errors[i]);
  }
  closing();
  short_writes();
  disk_full();
  say("faults done\n");
}
