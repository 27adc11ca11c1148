/* denied.c: a host function that tries system calls which no program under WASI needs: a filter has to refuse them. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "wasm2native.h"

int32_t host__try_call(w2n_instance *caller, int32_t which);

static int done(long r) { return r < 0 ? errno : 0; }

static int in_child(void) {
  long pid = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
  if (pid == 0) _exit(0);
  if (pid < 0) return errno;
  waitpid((pid_t)pid, NULL, 0);
  return 0;
}

static int map(int protection) {
  void *p = mmap(NULL, 4096, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED) return errno;
  munmap(p, 4096);
  return 0;
}

static int protect(int protection) {
  void *p = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED) return 1000;
  int r = done(mprotect(p, 4096, protection));
  munmap(p, 4096);
  return r;
}

static int connect_out(void) {
  int s = socket(AF_INET, SOCK_STREAM, 0);
  if (s < 0) return errno;
  close(s);
  return 0;
}

/* The last ones have to work in any case; -1 behind them. */
int32_t host__try_call(w2n_instance *caller, int32_t which) {
  static char *const nothing[] = {"x", NULL};
  (void)caller;
  switch (which) {
    case 0: return connect_out();
    case 1: return done(execve("/no/such/program", nothing, nothing)) == EPERM ? EPERM : 0;
    case 2: return in_child();
    case 3: return map(PROT_READ | PROT_EXEC);
    case 4: return protect(PROT_READ | PROT_EXEC);
    case 5: return done(kill(getpid(), 0));
    case 6: return done(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0));
    case 7: return done(chdir("/"));
    case 8: return done(syscall(SYS_tgkill, getppid(), getppid(), 0));
    case 9: return done(open("/", O_RDONLY | O_DIRECTORY)); /* allowed where a directory was granted */
    case 10: return map(PROT_READ | PROT_WRITE);
    case 11: return syscall(SYS_tgkill, getpid(), gettid(), 0) == 0 ? 0 : errno;
    case 12: return protect(PROT_READ | PROT_WRITE);
    default: return -1;
  }
}
