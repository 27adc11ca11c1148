/* system.c: as much of macOS's libSystem as a program of one thread needs, on Linux: the same functions, with macOS's
 * numbers, structures and (on arm64) variable arguments on the stack, written as calls of glibc. Faults arrive as they do
 * on macOS: SIGBUS where there is memory without access, SIGSEGV where there is none, with its signal context.
 * Sources: Apple's <sys/fcntl.h>, <sys/signal.h>, <sys/_types/_ucontext64.h>, <mach/arm/_structs.h>,
 * <mach/i386/_structs.h>, <sys/stat.h>. */
#include "load.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

char **environment;
static uint32_t task_self = 0x203;
static uintptr_t stack_guard = 0x595e9fbd94fda766;

/* ---- names without a function ---- */

enum { MOST_MISSING = 256, MISSING_BYTES = 16 };
static const char *missing[MOST_MISSING];
static int missing_count;
static uint8_t *missing_area; /* no access: a jump there faults */

static void *missing_symbol(const char *name) {
  if (!missing_area) missing_area = mmap(NULL, 65536, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (missing_count == MOST_MISSING) die("too many names of libSystem are missing, such as", name);
  missing[missing_count] = name;
  return missing_area + MISSING_BYTES * missing_count++;
}

/* ---- memory ---- */

static void *mac_mmap(void *at, size_t bytes, int protection, int flags, int fd, off_t offset) {
  int ours = flags & 0x13; /* shared, private, fixed */
  if (flags & 0x1000) ours |= MAP_ANONYMOUS;
  if (flags & 0x40 || protection == PROT_NONE) ours |= MAP_NORESERVE;
  return mmap(at, bytes, protection, ours, fd, offset);
}

static int vm_remap_copy(uint32_t to_task, uint64_t *to, uint64_t bytes, uint64_t mask, int flags, uint32_t from_task,
                         uint64_t from, int copy, int *now) {
  (void)now; /* the rest is on the stack, packed: not read */
  const uint64_t page = 16384;
  if (to_task != task_self || from_task != task_self || mask != 0 || flags != 0x4000 || !copy) return 4;
  if ((*to | from | bytes) % page != 0) return 4;
  if (mmap((void *)*to, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED)
    return 3;
  memcpy((void *)*to, (const void *)from, bytes);
  return 0;
}

/* ---- signals ---- */

typedef struct mac_sigaction {
  void (*handler)(int, void *, void *);
  uint32_t mask;
  int flags;
} mac_sigaction;
typedef struct mac_stack {
  void *sp;
  uint64_t size;
  int flags;
} mac_stack;
typedef struct mac_siginfo {
  int signo, error, code, pid, uid, status;
  void *address;
  uint64_t rest[10];
} mac_siginfo;
typedef struct mac_context {
#if defined(__x86_64__)
  uint16_t trap, cpu;
  uint32_t error;
  uint64_t fault;
  uint64_t rax, rbx, rcx, rdx, rdi, rsi, rbp, rsp, r8, r9, r10, r11, r12, r13, r14, r15, rip, rflags, cs, fs, gs;
#else
  uint64_t far;
  uint32_t esr, exception;
  uint64_t x[31], sp, pc; /* x29 is fp, x30 lr */
  uint32_t cpsr, flags;
#endif
} mac_context;
typedef struct mac_ucontext {
  int on_stack;
  uint32_t mask;
  mac_stack stack;
  struct mac_ucontext *link;
  uint64_t context_bytes;
  mac_context *context;
} mac_ucontext;

enum { MAC_SIGILL = 4, MAC_SIGBUS = 10, MAC_SIGSEGV = 11 };
static mac_sigaction actions[32];

#if defined(__x86_64__)
#define REGISTERS(X)                                                                                                   \
  X(rax, RAX) X(rbx, RBX) X(rcx, RCX) X(rdx, RDX) X(rdi, RDI) X(rsi, RSI) X(rbp, RBP) X(rsp, RSP) X(r8, R8) X(r9, R9)    \
  X(r10, R10) X(r11, R11) X(r12, R12) X(r13, R13) X(r14, R14) X(r15, R15) X(rip, RIP) X(rflags, EFL)
static void to_mac(mac_context *to, const mcontext_t *from) {
#define COPY(mac, linux) to->mac = (uint64_t)from->gregs[REG_##linux];
  REGISTERS(COPY)
#undef COPY
}
static void from_mac(mcontext_t *to, const mac_context *from) {
#define COPY(mac, linux) to->gregs[REG_##linux] = (greg_t)from->mac;
  REGISTERS(COPY)
#undef COPY
}
static uintptr_t context_pc(const ucontext_t *u) { return (uintptr_t)u->uc_mcontext.gregs[REG_RIP]; }
#else
static void to_mac(mac_context *to, const mcontext_t *from) {
  memcpy(to->x, from->regs, sizeof to->x);
  to->sp = from->sp;
  to->pc = from->pc;
  to->cpsr = (uint32_t)from->pstate;
}
static void from_mac(mcontext_t *to, const mac_context *from) {
  memcpy(to->regs, from->x, sizeof from->x);
  to->sp = from->sp;
  to->pc = from->pc;
}
static uintptr_t context_pc(const ucontext_t *u) { return (uintptr_t)u->uc_mcontext.pc; }
#endif

static void on_signal(int sig, siginfo_t *info, void *context) {
  ucontext_t *u = context;
  uintptr_t pc = context_pc(u);
  if (missing_area && pc - (uintptr_t)missing_area < (uintptr_t)missing_count * MISSING_BYTES)
    die("libSystem here has no function", missing[(pc - (uintptr_t)missing_area) / MISSING_BYTES]);
  int number = sig == SIGILL ? MAC_SIGILL : info->si_code == SEGV_MAPERR ? MAC_SIGSEGV : MAC_SIGBUS;
  if (!actions[number].handler) die("a signal without a handler", strsignal(sig));
  mac_context registers;
  memset(&registers, 0, sizeof registers);
  to_mac(&registers, &u->uc_mcontext);
  mac_ucontext outer = {.on_stack = 1, .context_bytes = sizeof registers, .context = &registers};
  mac_siginfo why = {.signo = number, .code = 1, .address = info->si_addr};
  actions[number].handler(number, &why, &outer);
  from_mac(&u->uc_mcontext, &registers);
}

static int mac_sigaction_call(int number, const mac_sigaction *new, mac_sigaction *old) {
  if (number <= 0 || number >= 32) return -1;
  if (old) *old = actions[number];
  if (new) actions[number] = *new;
  return 0;
}

/* SIGPIPE has the same number; what it had before is not asked for. */
static void *mac_signal(int number, void *handler) {
  if (number == SIGPIPE && (uintptr_t)handler <= 1) signal(SIGPIPE, handler ? SIG_IGN : SIG_DFL);
  return NULL;
}

static int mac_sigaltstack(const mac_stack *new, mac_stack *old) {
  if (old || !new) return -1;
  stack_t ours = {.ss_sp = new->sp, .ss_size = new->size, .ss_flags = new->flags & 4 ? SS_DISABLE : 0};
  return sigaltstack(&ours, NULL);
}

/* ---- files ---- */

static int flags_of(int flags) {
  static const int pairs[][2] = {{0x4, O_NONBLOCK}, {0x8, O_APPEND},  {0x100, O_NOFOLLOW},      {0x200, O_CREAT},
                                 {0x400, O_TRUNC},  {0x800, O_EXCL},  {0x100000, O_DIRECTORY}, {0x1000000, O_CLOEXEC}};
  int ours = flags & 3;
  for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
    if (flags & pairs[i][0]) ours |= pairs[i][1];
  return ours;
}

/* errno as macOS counts: the same up to EDOM and ERANGE, but for a few. */
static int *mac_error(void) {
  static int number;
  static const int pairs[][2] = {{EAGAIN, 35}, {ELOOP, 62}, {ENAMETOOLONG, 63}, {ENOTEMPTY, 66}, {ENOSYS, 78}};
  number = errno;
  for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
    if (errno == pairs[i][0]) number = pairs[i][1];
  return &number;
}

/* Variable arguments are on the stack on arm64, where the ninth integer would be; elsewhere they are as all others. */
#if defined(__aarch64__)
#define VARIABLE(position) long a2, long a3, long a4, long a5, long a6, long a7, long variable
#define UNUSED (void)a2, (void)a3, (void)a4, (void)a5, (void)a6, (void)a7
static int mac_fcntl(int fd, int command, VARIABLE(2)) {
  UNUSED;
#else
static int mac_fcntl(int fd, int command, long variable) {
#endif
  if (command == 3) {
    int flags = fcntl(fd, F_GETFL);
    return flags < 0 ? flags : (flags & 3) | (flags & O_NONBLOCK ? 4 : 0) | (flags & O_APPEND ? 8 : 0);
  }
  if (command == 4) return fcntl(fd, F_SETFL, flags_of((int)variable));
  if (command == 67) return fcntl(fd, F_DUPFD_CLOEXEC, variable);
  return fcntl(fd, command == 1 || command == 2 ? command : -1, variable);
}

#if defined(__aarch64__)
static int mac_open(const char *path, int flags, VARIABLE(2)) {
  UNUSED;
  return open(path, flags_of(flags), (mode_t)variable);
}
static int mac_openat(int fd, const char *path, long flags, long a3, long a4, long a5, long a6, long a7, long variable) {
  (void)a3, (void)a4, (void)a5, (void)a6, (void)a7;
  return openat(fd == -2 ? AT_FDCWD : fd, path, flags_of((int)flags), (mode_t)variable);
}
#else
static int mac_open(const char *path, int flags, long variable) { return open(path, flags_of(flags), (mode_t)variable); }
static int mac_openat(int fd, const char *path, int flags, long variable) {
  return openat(fd == -2 ? AT_FDCWD : fd, path, flags_of(flags), (mode_t)variable);
}
#endif

typedef struct mac_stat {
  int32_t dev;
  uint16_t mode, nlink;
  uint64_t ino;
  uint32_t uid, gid;
  int32_t rdev, pad;
  struct timespec accessed, modified, changed, born;
  int64_t size, blocks;
  int32_t blksize;
  uint32_t flags, gen;
  int32_t spare;
  int64_t spares[2];
} mac_stat;

static int stat_result(int result, const struct stat *s, mac_stat *to) {
  if (result != 0) return result;
  memset(to, 0, sizeof *to);
  to->dev = (int32_t)s->st_dev;
  to->mode = (uint16_t)s->st_mode;
  to->nlink = (uint16_t)s->st_nlink;
  to->ino = s->st_ino;
  to->accessed = s->st_atim;
  to->modified = s->st_mtim;
  to->changed = s->st_ctim;
  to->size = s->st_size;
  return 0;
}
static int mac_fstat(int fd, mac_stat *to) {
  struct stat s;
  return stat_result(fstat(fd, &s), &s, to);
}
static int mac_fstatat(int fd, const char *path, mac_stat *to, int flags) {
  struct stat s;
  return stat_result(fstatat(fd == -2 ? AT_FDCWD : fd, path, &s, flags & 0x20 ? AT_SYMLINK_NOFOLLOW : 0), &s, to);
}

/* SOL_SOCKET is 0xffff, SO_TYPE 0x1008; types of sockets have the same numbers. */
static int mac_getsockopt(int fd, int level, int name, void *to, socklen_t *bytes) {
  if (level != 0xffff || name != 0x1008) die("getsockopt of something else than a socket's type", "");
  return getsockopt(fd, SOL_SOCKET, SO_TYPE, to, bytes);
}
typedef struct mac_message {
  void *name;
  uint32_t name_bytes;
  struct iovec *parts;
  int part_count;
  void *control;
  uint32_t control_bytes;
  int flags;
} mac_message;
static struct msghdr message_of(const mac_message *m) {
  return (struct msghdr){.msg_iov = m->parts, .msg_iovlen = (size_t)m->part_count};
}
static ssize_t mac_sendmsg(int fd, const mac_message *m, int flags) {
  const struct msghdr ours = message_of(m);
  return sendmsg(fd, &ours, (flags & 0x80 ? MSG_DONTWAIT : 0) | (flags & 0x80000 ? MSG_NOSIGNAL : 0));
}
static ssize_t mac_recvmsg(int fd, mac_message *m, int flags) {
  struct msghdr ours = message_of(m);
  return recvmsg(fd, &ours, (flags & 2 ? MSG_PEEK : 0) | (flags & 0x40 ? MSG_WAITALL : 0) | (flags & 0x80 ? MSG_DONTWAIT : 0));
}

/* ---- the rest ---- */

static int mac_clock_gettime(int clock, struct timespec *to) {
  return clock_gettime(clock == 0 ? CLOCK_REALTIME : clock == 12 ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC, to);
}
/* The only thread. macOS's locks have another size and another first state. */
static int lock_nothing(void *lock) {
  (void)lock;
  return 0;
}
static int mac_key_create(unsigned long *key, void (*destructor)(void *)) {
  pthread_key_t ours;
  int result = pthread_key_create(&ours, destructor);
  *key = ours;
  return result;
}
static int mac_key_set(unsigned long key, const void *value) { return pthread_setspecific((pthread_key_t)key, value); }
#if defined(__aarch64__)
/* Up to six integers and pointers. */
static int mac_printf(const char *format, long a1, VARIABLE(2), long v1, long v2, long v3, long v4, long v5) {
  (void)a1;
  UNUSED;
  return printf(format, variable, v1, v2, v3, v4, v5);
}
#else
#define mac_printf printf
#endif
static void *copy_checked(void *to, const void *from, size_t n, size_t room) {
  if (n > room) die("__memcpy_chk", "");
  return memcpy(to, from, n);
}
static void zero(void *to, size_t n) { memset(to, 0, n); }
__attribute__((noreturn)) static void smashed(void) { die("__stack_chk_fail", ""); }
static int no_setuid(void) { return 0; }

/* The address of a thread-local variable, from its descriptor {this function, key, offset}; no other register changes. */
void mac_tlv_bootstrap(void);
#if defined(__x86_64__)
__asm__(".text\n.globl mac_tlv_bootstrap\nmac_tlv_bootstrap:\n"
        "  movq 16(%rdi), %rax\n  addq thread_variables(%rip), %rax\n  ret\n");
#else
__asm__(".text\n.globl mac_tlv_bootstrap\nmac_tlv_bootstrap:\n"
        "  ldr x16, [x0, #16]\n  adrp x17, thread_variables\n  ldr x17, [x17, :lo12:thread_variables]\n"
        "  add x0, x16, x17\n  ret\n");
#endif

typedef struct symbol {
  const char *name;
  void *address;
} symbol;
#define FUNCTION(name, function) {name, (void *)(uintptr_t)(function)}
#define SAME(name) FUNCTION("_" #name, name)

static const symbol symbols[] = {
    {"_environ", &environment},
    {"_mach_task_self_", &task_self},
    {"___stack_chk_guard", &stack_guard},
    FUNCTION("__tlv_bootstrap", mac_tlv_bootstrap),
    FUNCTION("___error", mac_error),
    FUNCTION("___memcpy_chk", copy_checked),
    FUNCTION("___stack_chk_fail", smashed),
    FUNCTION("___bzero", zero),
    FUNCTION("_bzero", zero),
    FUNCTION("_mmap", mac_mmap),
    FUNCTION("_vm_remap", vm_remap_copy),
    FUNCTION("_sigaction", mac_sigaction_call),
    FUNCTION("_printf", mac_printf),
    FUNCTION("_signal", mac_signal),
    FUNCTION("_sigaltstack", mac_sigaltstack),
    FUNCTION("_fcntl", mac_fcntl),
    FUNCTION("_open", mac_open),
    FUNCTION("_openat", mac_openat),
    FUNCTION("_fstat", mac_fstat),
    FUNCTION("_fstat$INODE64", mac_fstat),
    FUNCTION("_fstatat", mac_fstatat),
    FUNCTION("_fstatat$INODE64", mac_fstatat),
    FUNCTION("_sendmsg", mac_sendmsg),
    FUNCTION("_recvmsg", mac_recvmsg),
    FUNCTION("_getsockopt", mac_getsockopt),
    FUNCTION("_clock_gettime", mac_clock_gettime),
    FUNCTION("_pthread_mutex_lock", lock_nothing),
    FUNCTION("_pthread_mutex_unlock", lock_nothing),
    FUNCTION("_pthread_key_create", mac_key_create),
    FUNCTION("_pthread_setspecific", mac_key_set),
    FUNCTION("_issetugid", no_setuid),
    FUNCTION("__exit", _exit),
    SAME(calloc), SAME(close), SAME(dup2), SAME(free), SAME(ftruncate), SAME(fsync), SAME(getentropy), SAME(getenv), SAME(lseek), SAME(malloc),
    SAME(memchr), SAME(memcmp), SAME(memcpy), SAME(memmove), SAME(memset), SAME(mprotect), SAME(munmap), SAME(poll), SAME(pread),
    SAME(preadv), SAME(pwritev), SAME(read), SAME(readlinkat), SAME(readv), SAME(realloc), SAME(socket), SAME(strchr), SAME(strcmp), SAME(strcspn),
    SAME(strdup), SAME(strerror), SAME(strlen), SAME(strncmp), SAME(strrchr), SAME(strspn), SAME(strstr), SAME(strtoul),
    SAME(unlinkat), SAME(write), SAME(writev),
};

void *system_symbol(const char *name) {
  for (size_t i = 0; i < sizeof symbols / sizeof *symbols; i++)
    if (strcmp(symbols[i].name, name) == 0) return symbols[i].address;
  return missing_symbol(name);
}

void system_start(void) {
  environment = environ;
  struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_ONSTACK};
  const int caught[] = {SIGSEGV, SIGBUS, SIGILL};
  for (size_t i = 0; i < sizeof caught / sizeof *caught; i++) sigaction(caught[i], &action, NULL);
}
