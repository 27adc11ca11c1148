/* system.c: what takes the host's help: pipes, sockets, devices and procfs, closed standard streams, limits, contexts, a
 * full disk, signals that interrupt whatever waits.
 * Grants: 3 `grant` of the tree of escape.c (the current directory holds it), 4 the host's root, 5 a listening socket;
 * at most 40 descriptors. With the argument "hang": waits for ever. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../guest/guest.h"
#include "../../../runtime-stub/w2n_wasi_host.h"

enum { ROOT = 4, LISTENER = 5 };

static i32 subscribe_read(i32 fd, uint64_t timeout_ns) {
  uint32_t s = area + 2048;
  memset(at(s), 0, 96);
  *at(s + 8) = 1;
  store32(s + 16, (uint32_t)fd);
  store32(s + 48 + 16, 1);
  store64(s + 48 + 24, timeout_ns);
  return poll_oneoff((i32)s, (i32)(area + 4096), 2, OUT);
}

/* ---- pipes ---- */

static void *feed_fifo(void *unused) {
  usleep(50000);
  int fd = open("grant/fifo", O_WRONLY);
  usleep(50000);
  if (fd < 0 || write(fd, "through the pipe", 16) != 16) perror("feed");
  usleep(50000);
  close(fd);
  return unused;
}

static void *drain_fifo(void *unused) {
  static char buffer[65536];
  usleep(100000);
  int fd = open("grant/fifo", O_RDONLY);
  size_t *sum = unused;
  for (ssize_t n; (n = read(fd, buffer, sizeof buffer)) > 0;) {
    *sum += (size_t)n;
    if (*sum < 300000) usleep(500); /* Let the writer wait. */
  }
  close(fd);
  return NULL;
}

static void pipes(void) {
  pthread_t t;
  i32 fd;
  uint32_t done;
  size_t sum = 0;
  CHECK(mkfifo("grant/fifo", 0666), 0);
  pthread_create(&t, NULL, feed_fifo, NULL);
  CHECK(open_at(GRANT, 0, "fifo", 0, R_READ | R_POLL | R_SET_FLAGS | R_SEEK, 0, &fd), OK);
  CHECK(subscribe_read(fd, 2000000000), OK);
  CHECK(load32(area), 1);
  CHECK(load64(area + 4096 + 16), 16); /* bytes to read */
  CHECK(read_text(fd, 100, &done), OK);
  CHECK(done, 16);
  CHECK(read_text(fd, 100, &done), OK); /* waits until the writer has gone */
  CHECK(done, 0);
  pthread_join(t, NULL);
  CHECK(subscribe_read(fd, 2000000000), OK);
  CHECK(load32(area), 1);
  CHECK(*at(area + 4096 + 24), 1); /* hang-up */
  CHECK(fd_seek(fd, 0, 0, OUT), SPIPE);
  CHECK(fd_pread(fd, (i32)area + VECTOR, 0, 0, OUT), SPIPE);
  CHECK(fd_fdstat_set_flags(fd, NONBLOCK), OK);
  CHECK(read_text(fd, 100, &done), OK);
  CHECK(fd_close(fd), OK);
  CHECK(open_at(GRANT, 0, "fifo", 0, R_READ | R_SET_FLAGS, NONBLOCK, &fd), OK);
  int host = open("grant/fifo", O_WRONLY);
  CHECK(read_text(fd, 100, &done), AGAIN);
  close(host);
  CHECK(fd_close(fd), OK);

  /* A writer waits for its reader, and until all is written. */
  pthread_create(&t, NULL, drain_fifo, &sum);
  CHECK(open_at(GRANT, 0, "fifo", 0, R_WRITE | R_POLL | R_SET_FLAGS, 0, &fd), OK);
  for (int i = 0; i < 20; i++) {
    store32(area + VECTOR, area);
    store32(area + VECTOR + 4, AREA / 2);
    CHECK(fd_write(fd, (i32)area + VECTOR, 1, (i32)(area + AREA - 8)), OK);
    CHECK(load32(area + AREA - 8), AREA / 2);
  }
  CHECK(fd_close(fd), OK);
  pthread_join(t, NULL);
  CHECK(sum, 20 * AREA / 2);
  CHECK(open_at(GRANT, 0, "fifo", 0, R_WRITE, NONBLOCK, &fd), 60 /* NXIO */);
  /* A reader that goes away: EPIPE, no signal. */
  host = open("grant/fifo", O_RDONLY | O_NONBLOCK);
  CHECK(open_at(GRANT, 0, "fifo", 0, R_WRITE, 0, &fd), OK);
  close(host);
  CHECK(write_text(fd, "x", &done), PIPE);
  CHECK(fd_close(fd), OK);
  CHECK(unlink("grant/fifo"), 0);
}

/* ---- sockets ---- */

static i32 vector_of(uint32_t bytes) {
  store32(area + VECTOR, area + DATA);
  store32(area + VECTOR + 4, bytes);
  return (i32)(area + VECTOR);
}

static int connect_to_listener(void) {
  struct sockaddr_in a = {0};
  socklen_t bytes = sizeof a;
  /* The stub's socket is one of ours: look for it. */
  for (int fd = 3; fd < 64; fd++) {
    int listening = 0;
    socklen_t n = sizeof listening;
    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &n) == 0 && listening) {
      bytes = sizeof a;
      if (getsockname(fd, (struct sockaddr *)&a, &bytes) != 0) return -1;
      int s = socket(AF_INET, SOCK_STREAM, 0);
      return connect(s, (struct sockaddr *)&a, bytes) == 0 ? s : -1;
    }
  }
  return -1;
}

static void *connect_later(void *result) {
  usleep(50000);
  *(int *)result = connect_to_listener();
  return NULL;
}

static void *send_in_parts(void *peer) {
  int s = *(int *)peer;
  for (int i = 0; i < 5; i++) {
    usleep(10000);
    if (send(s, "0123456789", 10, 0) != 10) perror("send");
  }
  return NULL;
}

/* Vectors that reach beyond the end of memory, or wrap 2^32. */
static void bad_vectors(i32 fd) {
  uint64_t end = guest_memory_bytes();
  const struct {
    uint64_t address, bytes;
  } bad[] = {{end, 1}, {end - 1, 2}, {end + 1, 0}, {0xffffffff, 1}, {0xffffffff, 2}, {0, 0xffffffff},
             {1, 0xffffffff}, {0x80000000, 0x80000000}, {area, 0x100000000 - area}};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
    for (uint32_t place = 0; place < 30; place += 29) {
      memset(at(area + 2048), 0, 8 * 30);
      store32(area + 2048 + 8 * place, (uint32_t)bad[i].address);
      store32(area + 2048 + 8 * place + 4, (uint32_t)bad[i].bytes);
      CHECK(sock_recv(fd, (i32)area + 2048, 30, 0, OUT, OUT + 4), FAULT);
      CHECK(sock_send(fd, (i32)area + 2048, 30, 0, OUT), FAULT);
      CHECK(fd_write(fd, (i32)area + 2048, 30, OUT), FAULT);
      CHECK(fd_read(fd, (i32)area + 2048, 30, OUT), FAULT);
    }
}

static void sockets(void) {
  pthread_t t;
  int peer = -1;
  char buffer[64];
  CHECK(fd_fdstat_get(LISTENER, OUT), OK);
  CHECK(*at(area), 6);
  CHECK(fd_fdstat_set_flags(LISTENER, NONBLOCK), OK);
  CHECK(sock_accept(LISTENER, 0, OUT), AGAIN);
  CHECK(fd_fdstat_set_flags(LISTENER, 0), OK);
  pthread_create(&t, NULL, connect_later, &peer);
  CHECK(subscribe_read(LISTENER, 5000000000), OK);
  CHECK(load32(area), 1);
  CHECK(sock_accept(LISTENER, 0, OUT), OK);
  i32 fd = (i32)load32(area);
  pthread_join(t, NULL);
  CHECK(peer >= 0, true);
  CHECK(sock_accept(fd, 0, OUT), INVAL);
  CHECK(sock_accept(LISTENER, 1, OUT), INVAL);

  CHECK(send(peer, "hello", 5, 0), 5);
  CHECK(sock_recv(fd, vector_of(100), 1, 1 /* peek */, OUT, OUT + 4), OK);
  CHECK(load32(area), 5);
  CHECK(sock_recv(fd, vector_of(100), 1, 0, OUT, OUT + 4), OK);
  CHECK(load32(area), 5);
  CHECK(memcmp(at(area + DATA), "hello", 5), 0);
  CHECK(sock_recv(fd, vector_of(100), 1, 4, OUT, OUT + 4), INVAL);
  pthread_create(&t, NULL, send_in_parts, &peer);
  CHECK(sock_recv(fd, vector_of(50), 1, 2 /* wait for all */, OUT, OUT + 4), OK);
  CHECK(load32(area), 50);
  CHECK(memcmp(at(area + DATA), "01234567890123456789", 20), 0);
  pthread_join(t, NULL);
  memcpy(at(area + DATA), "answer", 6);
  CHECK(sock_send(fd, vector_of(6), 1, 0, OUT), OK);
  CHECK(load32(area), 6);
  CHECK(sock_send(fd, vector_of(6), 1, 1, OUT), INVAL);
  bad_vectors(fd);
  CHECK(recv(peer, buffer, 6, MSG_WAITALL), 6);
  uint32_t done;
  CHECK(write_text(fd, "more", &done), OK);
  CHECK(recv(peer, buffer, 4, MSG_WAITALL), 4);
  CHECK(fd_fdstat_set_flags(fd, NONBLOCK), OK);
  CHECK(read_text(fd, 10, &done), AGAIN);
  CHECK(sock_recv(fd, vector_of(10), 1, 0, OUT, OUT + 4), AGAIN);
  CHECK(sock_shutdown(fd, 0), INVAL);
  CHECK(sock_shutdown(fd, 4), INVAL);
  CHECK(sock_shutdown(fd, 2), OK);
  CHECK(recv(peer, buffer, 1, 0), 0);
  CHECK(write_text(fd, "x", &done), PIPE);
  CHECK(sock_send(fd, vector_of(6), 1, 0, OUT), PIPE);
  close(peer);
  CHECK(fd_fdstat_set_flags(fd, 0), OK);
  CHECK(sock_recv(fd, vector_of(10), 1, 0, OUT, OUT + 4), OK);
  CHECK(load32(area), 0);
  CHECK(fd_close(fd), OK);
}

/* ---- devices, procfs ---- */

static void devices(void) {
#ifdef PORTABLE /* Other systems have no procfs, and nothing looks for one. */
  static const char *const refused[] = {"dev/null", "dev/zero"};
#else
  static const char *const refused[] = {"dev/null", "dev/zero", "proc/self/mem", "proc/self/maps", "proc/version", "proc", "proc/self"};
#endif
  i32 fd;
  for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
    for (i32 flags = 0; flags < 2; flags++) {
      i32 r = open_at(ROOT, flags, refused[i], 0, R_READ, 0, &fd);
      if (r != NOTCAPABLE && !(i == 6 && r == LOOP && flags == 0)) fail("open", (int)i, refused[i], r, NOTCAPABLE);
    }
  CHECK(path_readlink(ROOT, PATH("proc/self/exe"), (i32)(area + DATA), 4096, OUT), NOTCAPABLE);
  CHECK(path_readlink(ROOT, PATH("proc/self/cwd"), (i32)(area + DATA), 4096, OUT), NOTCAPABLE);
  CHECK(path_filestat_get(ROOT, FOLLOW, PATH("proc/self/root/etc"), OUT) != OK, true);
#ifndef PORTABLE
  CHECK(path_filestat_get(ROOT, FOLLOW, PATH("proc/version"), OUT), NOTCAPABLE);
#endif
  CHECK(open_at(ROOT, 0, "etc/passwd", 0, R_READ, 0, &fd), OK);
  CHECK(fd_close(fd), OK);
}

/* A terminal, opened by the name of its device below a granted /dev, and devices that are none: the rights to seek tell
 * C libraries which is which (isatty). */
static void terminals(void) {
  static const char *const devices[] = {"null", "zero", NULL};
  int master = posix_openpt(O_RDWR | O_NOCTTY);
  CHECK(master >= 0, true);
  CHECK(grantpt(master) == 0 && unlockpt(master) == 0, true);
  const char *terminal = ptsname(master);
  w2n_wasi *a = w2n_wasi_new();
  w2n_wasi_set(a, W2N_WASI_ALLOW_DEVICES, 1);
  for (int i = 0; i < 3; i++) CHECK(w2n_wasi_add_dir(a, "/dev", "/dev"), 0); /* The last is GRANT. */
  CHECK(w2n_wasi_add_dir(a, "/dev", "/dev"), 0);
  CHECK(w2n_wasi_attach(guest_instance, a), 0);
  for (int i = 0; i < 3; i++) {
    const char *name = devices[i] != NULL ? devices[i] : terminal + 5; /* behind "/dev/" */
    i32 fd;
    CHECK(open_at(GRANT, 0, name, 0, R_READ | R_WRITE | R_SEEK | R_TELL, 0, &fd), OK);
    CHECK(fd_fdstat_get(fd, OUT), OK);
    CHECK(*at(area), T_CHARACTER);
    CHECK(load64(area + 8) & (R_SEEK | R_TELL), devices[i] != NULL ? R_SEEK | R_TELL : 0);
    CHECK(fd_tell(fd, OUT), devices[i] != NULL ? OK : SPIPE);
    CHECK(fd_close(fd), OK);
  }
  CHECK(w2n_wasi_attach(guest_instance, NULL), 0);
  w2n_wasi_free(a);
  close(master);
}

/* ---- a full disk ---- */

static void full_disk(void) {
  i32 fd;
  uint32_t done;
  /* The kernel's own errors, from a device that is always full. */
  w2n_wasi *a = w2n_wasi_new();
  w2n_wasi_set(a, W2N_WASI_ALLOW_DEVICES, 1);
  for (int i = 0; i <= GRANT; i++) CHECK(w2n_wasi_add_dir(a, "/dev", "/dev"), 0); /* The last is GRANT. */
  CHECK(w2n_wasi_attach(guest_instance, a), 0);
  CHECK(open_at(GRANT, 0, "full", 0, R_READ | R_WRITE, 0, &fd), OK);
  CHECK(write_text(fd, "text", &done), 51 /* NOSPC */);
  CHECK(read_text(fd, 10, &done), OK);
  CHECK(done, 10);
  CHECK(fd_close(fd), OK);
  CHECK(w2n_wasi_attach(guest_instance, NULL), 0);
  w2n_wasi_free(a);
  /* A file that may grow no further: what fits is written and counted, the next write says why, no signal ends us. */
  struct rlimit before, small;
  CHECK(getrlimit(RLIMIT_FSIZE, &before), 0);
  small = before;
  small.rlim_cur = 3000;
  CHECK(setrlimit(RLIMIT_FSIZE, &small), 0);
  CHECK(open_at(GRANT, 0, "limited", CREAT, R_RW | R_ALLOCATE, 0, &fd), OK);
  memset(at(area + DATA), 'f', 5000);
  CHECK(fd_write(fd, vector_of(5000), 1, OUT), OK);
  CHECK(load32(area), 3000);
  CHECK(fd_write(fd, vector_of(5000), 1, OUT), 22 /* FBIG */);
  CHECK(fd_pwrite(fd, vector_of(10), 1, 2995, OUT), OK);
  CHECK(load32(area), 5);
  CHECK(fd_pwrite(fd, vector_of(10), 1, 3000, OUT), 22);
  CHECK(fd_filestat_set_size(fd, 3001), 22);
  CHECK(fd_allocate(fd, 0, 3001), 22);
  CHECK(fd_filestat_get(fd, OUT), OK);
  CHECK(load64(area + 32), 3000);
  CHECK(setrlimit(RLIMIT_FSIZE, &before), 0);
  CHECK(fd_write(fd, vector_of(2000), 1, OUT), OK);
  CHECK(load32(area), 2000);
  CHECK(fd_filestat_get(fd, OUT), OK);
  CHECK(load64(area + 32), 5000);
  CHECK(fd_close(fd), OK);
}

/* ---- signals ---- */

static atomic_bool calm;
static atomic_ulong signals;

static void count_signal(int signal) {
  (void)signal;
  atomic_fetch_add(&signals, 1);
}

/* Sends signals to the guest's thread as fast as a call may need to begin to wait. */
static void *storm(void *thread) {
  while (!atomic_load(&calm)) {
    pthread_kill(*(pthread_t *)thread, SIGUSR1);
    usleep(300);
  }
  return NULL;
}

static void expect_sleep(uint64_t ns) {
  CHECK(clock_time_get(1, 0, OUT), OK);
  uint64_t start = load64(area);
  CHECK(subscribe_read(9, ns), OK); /* A closed one: told of at once. */
  uint32_t s = area + 2048;
  memset(at(s), 0, 48);
  store32(s + 16, 1);
  store64(s + 24, ns);
  CHECK(poll_oneoff((i32)s, (i32)(area + 4096), 1, OUT), OK);
  CHECK(load32(area), 1);
  CHECK(clock_time_get(1, 0, OUT), OK);
  CHECK(load64(area) - start >= ns, true);
}

/* Every wait is interrupted over and over: nothing ends early, nothing is lost, no call gives EINTR. */
static void interrupted(void) {
  pthread_t self = pthread_self(), t;
  struct sigaction a = {.sa_handler = count_signal}; /* no SA_RESTART */
  CHECK(sigaction(SIGUSR1, &a, NULL), 0);
  pthread_create(&t, NULL, storm, &self);
  pipes();
  sockets();
  expect_sleep(50000000);
  i32 fd;
  CHECK(open_at(GRANT, 0, "interrupted", CREAT, R_ALL & 0x8e001ff, 0, &fd), OK);
  for (int i = 0; i < 20; i++) {
    CHECK(fd_write(fd, vector_of(30000), 1, OUT), OK);
    CHECK(load32(area), 30000);
    CHECK(fd_sync(fd), OK);
    CHECK(fd_datasync(fd), OK);
  }
  CHECK(fd_allocate(fd, 0, 1 << 20), OK);
  CHECK(fd_close(fd), OK);
  for (int i = 0; i < 50; i++) {
    CHECK(random_get((i32)(area + DATA), 4096), OK);
    CHECK(open_at(GRANT, FOLLOW, "in/deep/../deep/to_file", 0, R_READ, 0, &fd), OK);
    CHECK(fd_close(fd), OK);
  }
  atomic_store(&calm, true);
  pthread_join(t, NULL);
  CHECK(atomic_load(&signals) > 50, true);
}

/* ---- limits ---- */

static void limits(void) {
  i32 fd[64], r = OK;
  int n = 0;
  while (n < 64 && (r = open_at(GRANT, 0, "file", 0, R_READ, 0, &fd[n])) == OK) n++;
  CHECK(r, MFILE);
  CHECK(n, 40 - 6);
  CHECK(path_open(GRANT, 0, PATH("not_made"), CREAT, R_READ, 0, 0, OUT), MFILE);
  CHECK(access("grant/not_made", F_OK), -1); /* refused before anything was made */
  while (n > 0) CHECK(fd_close(fd[--n]), OK);
  struct stat st;
  int open_before = 0, open_after = 0;
  for (int i = 0; i < 256; i++) open_before += fstat(i, &st) == 0;
  for (int i = 0; i < 100; i++) {
    open_at(GRANT, FOLLOW, "in/deep/to_file", 0, R_READ, 0, fd);
    CHECK(fd_close(fd[0]), OK);
    path_filestat_get(GRANT, FOLLOW, PATH("in/deep/up/outside"), OUT);
    path_filestat_get(GRANT, FOLLOW, PATH("in/deep/../deep/to_file"), OUT);
    path_rename(GRANT, PATH("in/nothing"), GRANT, PATH2("in/deep/x"));
    path_link(GRANT, FOLLOW, PATH("in/deep/to_file"), GRANT, PATH2("in/nothing/x"));
    open_at(GRANT, 0, "in/deep/../../loop1", TRUNC, R_READ, 0, fd);
  }
  for (int i = 0; i < 256; i++) open_after += fstat(i, &st) == 0;
  CHECK(open_after, open_before); /* no descriptor leaks */
}

/* ---- contexts ---- */

static void contexts(void) {
  uint32_t mark;
  w2n_wasi *a = w2n_wasi_new();
  CHECK(a != NULL, true);
  CHECK(w2n_wasi_add_arg(a, "other"), 0);
  CHECK(w2n_wasi_attach(guest_instance, a), 0);
  CHECK(fd_close(0), BADF);
  CHECK(args_sizes_get(OUT, OUT + 4), OK);
  mark = load32(area + 4);
  CHECK(mark, 6);
  CHECK(environ_sizes_get(OUT, OUT + 4), OK);
  CHECK(load32(area), 0);
  CHECK(w2n_wasi_add_dir(a, "no such directory", "/"), ENOENT);
  w2n_wasi_set(a, W2N_WASI_CLOCK, 5000);
  w2n_wasi_set(a, W2N_WASI_CLOCK_STEP, 10);
  CHECK(clock_time_get(0, 0, OUT), OK);
  CHECK(load64(area), 5000);
  CHECK(clock_time_get(1, 0, OUT), OK);
  CHECK(load64(area), 5010);
  CHECK(clock_time_get(2, 0, OUT), OK);
  CHECK(load64(area), 20);
  w2n_wasi_set(a, W2N_WASI_SEED, 42);
  CHECK(random_get((i32)(area + DATA), 24), OK);
  uint64_t first = load64(area + DATA);
  w2n_wasi_set(a, W2N_WASI_SEED, 42);
  CHECK(random_get((i32)(area + DATA), 8), OK);
  CHECK(load64(area + DATA) == first, true);
  CHECK(w2n_wasi_add_socket(a, 0), ENOTSOCK);
  CHECK(w2n_wasi_attach(guest_instance, NULL), 0);
  w2n_wasi_free(a);
  CHECK(args_sizes_get(OUT, OUT + 4), OK);
  CHECK(load32(area), 1);
}

/* ---- standard streams ---- */

static void streams(void) {
  struct stat st;
  uint32_t done;
  i32 fd;
  CHECK(fd_close(0), OK);
  CHECK(read_text(0, 1, &done), BADF);
  CHECK(fstat(0, &st), 0); /* The host's number stays taken. */
  CHECK(S_ISSOCK(st.st_mode), true);
  CHECK(open_at(GRANT, 0, "file", 0, R_READ, 0, &fd), OK);
  CHECK(fd, 0);
  CHECK(fd_fdstat_set_flags(2, NONBLOCK), OK);
  CHECK((fcntl(2, F_GETFL) & O_NONBLOCK) == 0, true); /* The flag is the guest's, not that of all who share the stream. */
  CHECK(fd_fdstat_set_flags(2, APPEND | NONBLOCK), fcntl(2, F_GETFL) & O_APPEND ? OK : NOTSUP);
  CHECK(fd_fdstat_set_flags(2, 0), fcntl(2, F_GETFL) & O_APPEND ? NOTSUP : OK);
}

void scenario(void) {
  uint32_t done;
  CHECK(args_sizes_get(OUT, OUT + 4), OK);
  if (load32(area) == 2) {
    read_text(0, 1, &done);
    return;
  }
  contexts();
  devices();
  terminals();
  limits();
  pipes();
  sockets();
  full_disk();
  interrupted();
  streams();
  say("system done\n");
}
