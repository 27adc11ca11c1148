/* wasi_limits.c: limits of the whole process, for the main program only: the wall-clock time-out and, on Linux, the
 * filter of system calls. */
#include "wasi_internal.h"

#include <signal.h>
#include <sys/time.h>

#ifdef __linux__
#include <sys/prctl.h>
#include <sys/syscall.h>
#ifndef SYS_openat2
#define SYS_openat2 437
#endif
#endif

/* Wherever the program is, in wasm code or in a call: says so and ends with the status of a trap. Nothing in here is
 * unsafe in a signal handler. */
static void time_is_up(int signal) {
  static const char text[] = "wasm trap: time limit reached\n";
  (void)signal;
  if (write(2, text, sizeof text - 1) < 0) _exit(134);
  _exit(134);
}

const char *wasi_install_timeout(uint64_t milliseconds) {
  struct sigaction a = {.sa_handler = time_is_up, .sa_flags = SA_ONSTACK};
  struct itimerval t = {{0, 0}, {(time_t)(milliseconds / 1000), (int)(milliseconds % 1000) * 1000}};
  if (milliseconds == 0) return "a time limit of 0 ms";
  if (milliseconds / 1000 > INT32_MAX) return NULL; /* 68 years. */
  sigemptyset(&a.sa_mask);
  if (sigaction(SIGALRM, &a, NULL) != 0 || setitimer(ITIMER_REAL, &t, NULL) != 0) return "cannot set the time limit";
  return NULL;
}

#ifndef __linux__
const char *wasi_install_seccomp(const w2n_wasi *c) {
  (void)c;
  return "system call filters exist on Linux only";
}
#else

/* The kernel's interface (linux/filter.h, linux/seccomp.h, linux/audit.h), which musl comes without. */
#if defined(__x86_64__)
#define ARCH 0xc000003eu
#elif defined(__aarch64__)
#define ARCH 0xc00000b7u
#endif
enum { NUMBER = 0, ARCHITECTURE = 4, ARGUMENTS = 16 }; /* struct seccomp_data */
enum { LOAD = 0x20, IF_EQUAL = 0x15, IF_ANY_BIT = 0x45, RETURN = 0x06 };
#define ALLOW 0x7fff0000u
#define REFUSE (0x00050000u | EPERM)
#define KILL 0x80000000u
typedef struct instruction {
  uint16_t code;
  uint8_t yes, no; /* instructions to skip */
  uint32_t k;
} instruction;
typedef struct filter {
  unsigned short n;
  const instruction *code;
} filter;

/* What any program needs: its own memory, threads' locks, signals, clocks, open descriptors. */
static const uint16_t basic[] = {
    SYS_read, SYS_write, SYS_readv, SYS_writev, SYS_pread64, SYS_pwrite64, SYS_preadv, SYS_pwritev, SYS_lseek,
    SYS_close, SYS_fstat, SYS_fcntl, SYS_ppoll, SYS_clock_gettime, SYS_clock_getres, SYS_clock_nanosleep,
    SYS_nanosleep, SYS_getrandom, SYS_sched_yield, SYS_exit, SYS_exit_group, SYS_rt_sigreturn, SYS_rt_sigaction,
    SYS_rt_sigprocmask, SYS_sigaltstack, SYS_munmap, SYS_mremap, SYS_madvise, SYS_brk, SYS_futex, SYS_restart_syscall,
    SYS_gettid, SYS_getpid, SYS_fsync, SYS_fdatasync, SYS_fadvise64, SYS_dup3,
    SYS_newfstatat, /* what some libraries make of fstat */
#ifdef SYS_poll
    SYS_poll,
#endif
#ifdef SYS_dup2
    SYS_dup2,
#endif
#ifdef SYS_arch_prctl
    SYS_arch_prctl, /* The base of gs mode, for a new instance. */
#endif
};
static const uint16_t directories[] = {
    SYS_openat, SYS_openat2, SYS_statx, SYS_fstatfs, SYS_getdents64, SYS_mkdirat, SYS_unlinkat,
    SYS_symlinkat, SYS_linkat, SYS_readlinkat, SYS_renameat2, SYS_utimensat, SYS_ftruncate, SYS_fallocate,
#ifdef SYS_renameat
    SYS_renameat,
#endif
};
static const uint16_t sockets[] = {SYS_accept4, SYS_recvmsg, SYS_sendmsg, SYS_recvfrom, SYS_sendto, SYS_shutdown,
                                   SYS_getsockopt};

enum { RULES = 256 };
typedef struct program {
  instruction code[RULES];
  unsigned short n;
} program;

static void emit(program *p, uint16_t code, uint32_t k, uint8_t yes, uint8_t no) {
  if (p->n < RULES) p->code[p->n] = (instruction){code, yes, no, k};
  p->n++;
}

static void allow(program *p, uint32_t call) {
  emit(p, IF_EQUAL, call, 0, 1);
  emit(p, RETURN, ALLOW, 0, 0);
}

static void allow_all(program *p, const uint16_t *calls, size_t n) {
  for (size_t i = 0; i < n; i++) allow(p, calls[i]);
}

/* Allows `call` if the test of the low half of argument `index` says `pass`; else goes on. */
static void allow_if(program *p, uint32_t call, uint32_t index, uint16_t test, uint32_t value, bool pass) {
  emit(p, IF_EQUAL, call, 0, 4);
  emit(p, LOAD, ARGUMENTS + 8 * index, 0, 0); /* little-endian */
  emit(p, test, value, !pass, pass);
  emit(p, RETURN, ALLOW, 0, 0);
  emit(p, LOAD, NUMBER, 0, 0);
}

const char *wasi_install_seccomp(const w2n_wasi *c) {
  enum { EXEC = 4, READABLE = 0x541b, WINDOW_SIZE = 0x5413, UNIX_FAMILY = 1, NO_NEW_PRIVS = 38, SET_SECCOMP = 22, FILTER_MODE = 2 };
  static program p; /* 2 KiB, used once */
  bool dirs = false, socks = false;
  for (uint32_t i = 0; i < c->count; i++) {
    const wasi_entry *e = &c->entries[i];
    if (e->host < 0) continue;
    dirs |= e->type == WASI_TYPE_DIRECTORY;
    /* A standard stream that has not been looked at may be a socket. */
    socks |= e->type == WASI_TYPE_STREAM || e->type == WASI_TYPE_DGRAM || e->bits & WASI_UNPROBED;
  }
  p.n = 0;
  emit(&p, LOAD, ARCHITECTURE, 0, 0);
  emit(&p, IF_EQUAL, ARCH, 1, 0);
  emit(&p, RETURN, KILL, 0, 0);
  emit(&p, LOAD, NUMBER, 0, 0);
  allow_all(&p, basic, sizeof basic / sizeof basic[0]);
  if (dirs) allow_all(&p, directories, sizeof directories / sizeof directories[0]);
  if (socks) allow_all(&p, sockets, sizeof sockets / sizeof sockets[0]);
  /* No code can be made or made executable any more. */
  allow_if(&p, SYS_mmap, 2, IF_ANY_BIT, EXEC, false);
  allow_if(&p, SYS_mprotect, 2, IF_ANY_BIT, EXEC, false);
  allow_if(&p, SYS_ioctl, 1, IF_EQUAL, READABLE, true);
  allow_if(&p, SYS_ioctl, 1, IF_EQUAL, WINDOW_SIZE, true); /* Is it a terminal? */
  allow_if(&p, SYS_socket, 0, IF_EQUAL, UNIX_FAMILY, true); /* wasi_plug; it cannot be connected. */
  allow_if(&p, SYS_tgkill, 0, IF_EQUAL, (uint32_t)getpid(), true); /* abort */
  emit(&p, RETURN, REFUSE, 0, 0);
  filter f = {p.n, p.code};
  if (p.n > RULES || prctl(NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(SET_SECCOMP, FILTER_MODE, &f) != 0)
    return "the kernel refuses the filter of system calls";
  return NULL;
}
#endif
