/* trap.c: signals that are traps. The handler acts only for a thread inside wasm whose pc lies in the text of a module
 * with an instance, and for memory accesses only if the address lies in a reservation or in the guard of the thread's
 * stack. It makes the interrupted code call `unwind`; everything else goes to the handler that was there before. */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <string.h>
#ifdef __APPLE__
#include <sys/ucontext.h> /* <ucontext.h> is about getcontext there */
#else
#include <ucontext.h>
#endif
#include "w2n_stub.h"

static const int signals[] = {
    SIGSEGV, SIGILL,
#ifdef __APPLE__
    SIGBUS, /* what Linux tells by SIGSEGV; there it is a file's end */
#endif
};
enum { SIGNALS = sizeof signals / sizeof signals[0] };
static struct sigaction previous[SIGNALS];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

#if defined(__APPLE__) && defined(__x86_64__)
#define REG_PC(u) ((u)->uc_mcontext->__ss.__rip)
#define REG_SP(u) ((u)->uc_mcontext->__ss.__rsp)
#define REG_FP(u) ((u)->uc_mcontext->__ss.__rbp)
#define REG_ARG0(u) ((u)->uc_mcontext->__ss.__rdi)
#define REG_ARG1(u) ((u)->uc_mcontext->__ss.__rsi)
#define REG_FLAGS(u) ((u)->uc_mcontext->__ss.__rflags)
#elif defined(__APPLE__)
#define REG_PC(u) ((u)->uc_mcontext->__ss.__pc)
#define REG_SP(u) ((u)->uc_mcontext->__ss.__sp)
#define REG_FP(u) ((u)->uc_mcontext->__ss.__fp)
#define REG_LR(u) ((u)->uc_mcontext->__ss.__lr)
#define REG_ARG0(u) ((u)->uc_mcontext->__ss.__x[0])
#define REG_ARG1(u) ((u)->uc_mcontext->__ss.__x[1])
#elif defined(__x86_64__)
#define REG_PC(u) ((u)->uc_mcontext.gregs[REG_RIP])
#define REG_SP(u) ((u)->uc_mcontext.gregs[REG_RSP])
#define REG_FP(u) ((u)->uc_mcontext.gregs[REG_RBP])
#define REG_ARG0(u) ((u)->uc_mcontext.gregs[REG_RDI])
#define REG_ARG1(u) ((u)->uc_mcontext.gregs[REG_RSI])
#define REG_FLAGS(u) ((u)->uc_mcontext.gregs[REG_EFL])
#else
#define REG_PC(u) ((u)->uc_mcontext.pc)
#define REG_SP(u) ((u)->uc_mcontext.sp)
#define REG_FP(u) ((u)->uc_mcontext.regs[29])
#define REG_LR(u) ((u)->uc_mcontext.regs[30])
#define REG_ARG0(u) ((u)->uc_mcontext.regs[0])
#define REG_ARG1(u) ((u)->uc_mcontext.regs[1])
#endif

/* The kind that a trapping instruction carries, 0 if it is no such instruction. */
static uint32_t kind_in_code(const w2n_header *h, uintptr_t pc) {
  const uint8_t *p = (const uint8_t *)pc;
  uint64_t left = (uintptr_t)h + h->text_bytes - pc;
#if defined(__x86_64__)
  return left >= 3 && p[0] == 0x0f && p[1] == 0xb9 && p[2] >= 0xc0 ? p[2] & 0x3f : 0;
#else
  return left >= 4 && p[1] == 0 && p[2] == 0 && p[3] == 0 ? p[0] : 0;
#endif
}

static uint32_t trap_kind(const w2n_thread *t, int sig, const siginfo_t *info, const w2n_header *h, uintptr_t pc) {
  uintptr_t address = (uintptr_t)info->si_addr;
  if (info->si_code <= 0) return 0; /* sent by a process */
  if (sig == SIGILL) return kind_in_code(h, pc);
  if (address >= (uintptr_t)t->mapping && address < t->stack_low) return W2N_TRAP_STACK_EXHAUSTED;
  return w2n_range_find(W2N_RANGE_MEMORY, address, NULL) ? W2N_TRAP_MEMORY_OUT_OF_BOUNDS : 0;
}

static bool handle(int sig, const siginfo_t *info, ucontext_t *u) {
  w2n_regs regs = {.pc = (uintptr_t)REG_PC(u), .sp = (uintptr_t)REG_SP(u), .fp = (uintptr_t)REG_FP(u)};
#ifdef REG_LR
  regs.lr = (uintptr_t)REG_LR(u);
#endif
  const w2n_header *h = w2n_range_find(W2N_RANGE_TEXT, regs.pc, NULL);
  /* Only now: macOS allocates a thread-local variable when it is first used, and a thread in a text has used this one. */
  w2n_thread *t = h ? w2n_self : NULL;
  uint32_t kind = t && t->entry ? trap_kind(t, sig, info, h, regs.pc) : 0;
  if (kind == 0) return false;
  w2n_capture(t, kind, &regs, 0);
  REG_PC(u) = (uintptr_t)t->entry->unwind;
  REG_SP(u) = t->entry->sp;
  REG_ARG0(u) = t->entry->sp;
  REG_ARG1(u) = kind;
#ifdef REG_FLAGS
  REG_FLAGS(u) &= ~0x400; /* direction: up */
#endif
  return true;
}

static void chain(int sig, siginfo_t *info, void *context) {
  struct sigaction *before = NULL;
  for (int i = 0; i < SIGNALS; i++)
    if (signals[i] == sig) before = &previous[i];
  if (before && before->sa_flags & SA_SIGINFO) {
    before->sa_sigaction(sig, info, context);
  } else if (before && before->sa_handler != SIG_DFL && before->sa_handler != SIG_IGN) {
    before->sa_handler(sig);
  } else if (!(before && before->sa_handler == SIG_IGN && info->si_code <= 0)) {
    /* The instruction is executed again and ends the process; a signal that was sent is sent again. */
    struct sigaction end;
    memset(&end, 0, sizeof end);
    end.sa_handler = SIG_DFL;
    sigaction(sig, &end, NULL);
    if (info->si_code <= 0) raise(sig);
  }
}

static void handler(int sig, siginfo_t *info, void *context) {
  if (!handle(sig, info, context)) chain(sig, info, context);
}

int w2n_install_handlers(void) {
  struct sigaction ours;
  int result = 0;
  memset(&ours, 0, sizeof ours);
  ours.sa_sigaction = handler;
  ours.sa_flags = SA_SIGINFO | SA_ONSTACK;
  sigemptyset(&ours.sa_mask);
  pthread_mutex_lock(&lock);
  for (int i = 0; i < SIGNALS; i++) {
    struct sigaction old;
    if (sigaction(signals[i], &ours, &old) != 0) result = -1;
    else if (!(old.sa_flags & SA_SIGINFO) || old.sa_sigaction != handler) previous[i] = old;
  }
  pthread_mutex_unlock(&lock);
  return result;
}
