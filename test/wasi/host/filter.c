/* filter.c: the filter of system calls, read as the kernel would read it, so that each instruction set's own is looked at,
 * also where no kernel installs it. The set-up's prctl is caught (-Wl,--wrap). Grants: `seccomp`, with a directory or
 * without. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#include <errno.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../guest/guest.h"

/* struct sock_filter and sock_fprog of linux/filter.h, struct seccomp_data of linux/seccomp.h. */
typedef struct instruction {
  uint16_t code;
  uint8_t yes, no;
  uint32_t k;
} instruction;
typedef struct program {
  unsigned short n;
  const instruction *code;
} program;
typedef struct call_data {
  int32_t number;
  uint32_t arch;
  uint64_t pc;
  uint64_t args[6];
} call_data;

#if defined(__x86_64__)
enum { OWN = (int)0xc000003e, OTHER = (int)0xc00000b7 };
#else
enum { OWN = (int)0xc00000b7, OTHER = (int)0xc000003e };
#endif
#define ALLOW 0x7fff0000u
#define KILL 0x80000000u
#define REFUSE (0x00050000u | EPERM)

static program filter;
static bool no_new_privileges;

int __wrap_prctl(int option, long a, long b, long c, long d);
int __wrap_prctl(int option, long a, long b, long c, long d) {
  (void)c, (void)d;
  if (option == 38 /* PR_SET_NO_NEW_PRIVS */) no_new_privileges = a == 1;
  if (option == 22 /* PR_SET_SECCOMP */ && a == 2 && no_new_privileges) filter = *(const program *)b;
  return 0;
}

/* What the filter says of a call; 1 if it is no good program. */
static uint32_t judge(const call_data *data) {
  uint32_t a = 0;
  for (uint32_t i = 0; i < filter.n; i++) {
    const instruction *in = &filter.code[i];
    switch (in->code) {
      case 0x20: /* load word */
        if (in->k % 4 != 0 || in->k + 4 > sizeof *data) return 1;
        memcpy(&a, (const char *)data + in->k, 4);
        break;
      case 0x15: i += a == in->k ? in->yes : in->no; break;
      case 0x45: i += (a & in->k) != 0 ? in->yes : in->no; break;
      case 0x06: return in->k;
      default: return 1;
    }
  }
  return 1; /* Beyond the end. */
}

static uint32_t call(long number, uint64_t first, uint64_t second, uint64_t third) {
  call_data d = {(int32_t)number, (uint32_t)OWN, 0, {first, second, third, 0, 0, 0}};
  return judge(&d);
}

void scenario(void) {
  static const long always[] = {SYS_read, SYS_writev, SYS_preadv, SYS_pwritev, SYS_lseek, SYS_close, SYS_fstat, SYS_ppoll,
                                SYS_clock_gettime, SYS_getrandom, SYS_exit_group, SYS_rt_sigreturn, SYS_munmap,
                                SYS_mremap, SYS_brk, SYS_futex, SYS_fsync, SYS_sched_yield, SYS_sendmsg, SYS_accept4};
  static const long with_directory[] = {SYS_openat, 437 /* openat2 */, SYS_getdents64, SYS_mkdirat, SYS_unlinkat,
                                        SYS_symlinkat, SYS_linkat, SYS_readlinkat, SYS_renameat2, SYS_utimensat,
                                        SYS_ftruncate, SYS_fallocate, SYS_fstatfs};
  static const long never[] = {SYS_execve, SYS_execveat, SYS_clone, SYS_ptrace, SYS_kill, SYS_connect, SYS_bind,
                               SYS_listen, SYS_mount, SYS_umount2, SYS_chroot, SYS_setuid, SYS_prctl, SYS_seccomp,
                               SYS_mknodat, SYS_fchmodat, SYS_fchownat, SYS_chdir, SYS_fchdir, SYS_process_vm_writev,
                               SYS_bpf, SYS_perf_event_open, SYS_init_module, SYS_reboot, SYS_unshare, SYS_setns,
                               SYS_memfd_create, SYS_io_setup, 425 /* io_uring_setup */, SYS_pidfd_open};
  bool directory = fd_prestat_get(GRANT, OUT) == OK;
  CHECK(filter.n > 50 && filter.n <= 4096, true);
  for (size_t i = 0; i < sizeof always / sizeof always[0]; i++) CHECK(call(always[i], 0, 0, 0), ALLOW);
  for (size_t i = 0; i < sizeof with_directory / sizeof with_directory[0]; i++)
    CHECK(call(with_directory[i], 0, 0, 0), directory ? ALLOW : REFUSE);
  for (size_t i = 0; i < sizeof never / sizeof never[0]; i++) CHECK(call(never[i], 0, 0, 0), REFUSE);
  for (long protection = 0; protection < 8; protection++) {
    uint32_t wanted = protection & PROT_EXEC ? REFUSE : ALLOW;
    CHECK(call(SYS_mmap, 0, 4096, (uint64_t)protection), wanted);
    CHECK(call(SYS_mprotect, 0, 4096, (uint64_t)protection), wanted);
  }
  CHECK(call(SYS_ioctl, 0, 0x541b, 0), ALLOW);
  CHECK(call(SYS_ioctl, 0, 0x5413, 0), ALLOW);
  CHECK(call(SYS_ioctl, 0, 0x5412 /* puts a character into a terminal's input */, 0), REFUSE);
  CHECK(call(SYS_socket, AF_UNIX, 0, 0), ALLOW);
  CHECK(call(SYS_socket, AF_INET, 0, 0), REFUSE);
  CHECK(call(SYS_socket, AF_NETLINK, 0, 0), REFUSE);
  CHECK(call(SYS_tgkill, (uint64_t)getpid(), 0, 0), ALLOW);
  CHECK(call(SYS_tgkill, (uint64_t)getppid(), 0, 0), REFUSE);
  /* Every number but these few is refused; those of another instruction set, or of x32, end the process or are. */
  uint32_t allowed = 0;
  for (long number = 0; number < 1024; number++) {
    call_data foreign = {(int32_t)number, (uint32_t)OTHER, 0, {0}};
    CHECK(judge(&foreign), KILL);
    CHECK(call(number | 0x40000000, 0, 0, 0), REFUSE);
    uint32_t r = call(number, 0, 0, 0);
    CHECK(r == ALLOW || r == REFUSE, true);
    allowed += r == ALLOW;
  }
  CHECK(allowed < 80, true);
  say("filter done ");
  say_number(allowed);
  say("\n");
}
