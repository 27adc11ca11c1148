/* step_aarch64.c: single steps on aarch64 Linux by breakpoints, as neither a program itself nor an emulator's guest has a
 * trap flag; and what a frame of compiled code looks like there. The text is made writable. A breakpoint stands where
 * compiled code goes on: at what may follow the instruction that is executed now, at return addresses of calls out to C,
 * and at the first instructions of `enter` and `unwind`, by which C comes in. */
#include "driver.h"
#include <sys/mman.h>

enum { BREAKPOINT = 0xd4200000, SAVED = 19, FP = 29, LR = 30, MOST_BREAKPOINTS = 64 };

/* x19-x26 x29 d8-d15 are wasm's; x27 x28. Numbers: DWARF for the Arm 64-bit Architecture, table 3. */
const int saved = SAVED, saved_by_wasm = 17;
const int dwarf_register[MOST_SAVED] = {19, 20, 21, 22, 23, 24, 25, 26, 29, 72, 73, 74, 75, 76, 77, 78, 79, 27, 28};

typedef struct breakpoint {
  uint32_t *at;
  uint32_t code;
  bool stays; /* after the next step */
} breakpoint;
static breakpoint breakpoints[MOST_BREAKPOINTS];
static int breakpoint_count;
/* The last step left compiled code. */
static bool in_c;

/* ---- breakpoints ---- */

static void put_code(uint32_t *at, uint32_t code) {
  *at = code;
  __builtin___clear_cache((char *)at, (char *)(at + 1));
}

static breakpoint *breakpoint_at(uintptr_t pc) {
  for (int i = 0; i < breakpoint_count; i++)
    if ((uintptr_t)breakpoints[i].at == pc) return &breakpoints[i];
  return NULL;
}

static void set_breakpoint(uintptr_t pc, bool stays) {
  breakpoint *b = breakpoint_at(pc);
  if (b) {
    b->stays |= stays;
    return;
  }
  if (breakpoint_count == MOST_BREAKPOINTS) fail(pc, "too many breakpoints");
  b = &breakpoints[breakpoint_count++];
  *b = (breakpoint){.at = (uint32_t *)pc, .code = *(const uint32_t *)pc, .stays = stays};
  put_code(b->at, BREAKPOINT);
}

static void remove_breakpoint(breakpoint *b) {
  put_code(b->at, b->code);
  *b = breakpoints[--breakpoint_count];
}

/* ---- instructions (Arm Architecture Reference Manual, C4.1) ---- */

static bool is_call(uint32_t code) { return (code & 0xfc000000) == 0x94000000 || (code & 0xfffffc1f) == 0xd63f0000; }
static bool is_return(uint32_t code) { return (code & 0xfffffc1f) == 0xd65f0000; }
static bool is_register_branch(uint32_t code) { return (code & 0xff9ffc1f) == 0xd61f0000; }

static uintptr_t relative(uintptr_t pc, uint32_t code, int low, int bits) {
  int64_t field = (int64_t)((uint64_t)code << (64 - low - bits)) >> (64 - bits);
  return pc + (uintptr_t)(field * 4);
}

/* Where the branch at pc goes if it is taken; 0: no branch. */
static uintptr_t branch_target(uintptr_t pc, uint32_t code, const uint64_t *x) {
  if ((code & 0x7c000000) == 0x14000000) return relative(pc, code, 0, 26);  /* b, bl */
  if ((code & 0xff000010) == 0x54000000) return relative(pc, code, 5, 19);  /* b.cond */
  if ((code & 0x7e000000) == 0x34000000) return relative(pc, code, 5, 19);  /* cbz, cbnz */
  if ((code & 0x7e000000) == 0x36000000) return relative(pc, code, 5, 14);  /* tbz, tbnz */
  return is_register_branch(code) ? (uintptr_t)x[code >> 5 & 31] : 0;       /* br, blr, ret */
}

/* Whether an instruction neither touches memory beyond the frame (sp, x29) and the instance (x28) nor traps otherwise. */
static bool cannot_fault(uint32_t code) {
  uint32_t base = code >> 5 & 31;
  if (code >> 16 == 0) return false;                                                  /* udf */
  if ((code & 0x0a000000) != 0x08000000) return true;                                 /* no load or store */
  return (code & 0x3b000000) == 0x18000000 || base == 31 || base == 28 || base == FP; /* a literal; these registers */
}

/* ---- the checks ---- */

/* A return address without its signature, if it is signed: xpaclri. */
static uintptr_t plain(uintptr_t address) {
  register uintptr_t x30 __asm__("x30") = address;
  __asm__("hint #7" : "+r"(x30));
  return x30;
}

static void check_frame(uintptr_t pc, uint32_t code, const w2n_regs *regs) {
  const w2n_code_row *row = function_row(pc);
  if (!row) return;
  const call *c = &calls[depth - 1];
  uint32_t prologue = row->prologue_bytes;
  bool in_prologue = offset_of(pc) - row->offset < prologue;
  /* The unwinder, which has been checked, says where the frame ends. */
  uintptr_t size = c->cfa - row->stack_arg_bytes - regs->sp;
  bool complete = prologue == 0 ? plain(regs->lr) == c->ret
                                : size == row->frame_bytes && plain(((uintptr_t *)regs->fp)[1]) == c->ret;
  if (in_prologue && plain(regs->lr) != c->ret) fail(pc, "x30 is not the return address in the prologue");
  if (!complete && !in_prologue) {
    if (!cannot_fault(code)) fail(pc, "the frame is not as the table says, at an instruction that may fault");
    exempt++;
    return;
  }
  check_walk(regs);
}

/* x19-x26, x29, the low halves of v8-v15, x27, x28 of a signal context: the registers of dwarf_register. */
static void copy_saved(uintptr_t *to, const mcontext_t *m) {
  const uint64_t *vectors = NULL;
  const struct _aarch64_ctx *record = (const struct _aarch64_ctx *)(const void *)m->__reserved;
  for (; record->magic != 0; record = (const struct _aarch64_ctx *)(const void *)((const char *)record + record->size))
    if (record->magic == FPSIMD_MAGIC) vectors = (const uint64_t *)((const struct fpsimd_context *)record)->vregs;
  for (int i = 0; i < SAVED; i++) {
    int r = dwarf_register[i];
    to[i] = r < 32 ? (uintptr_t)m->regs[r] : vectors ? (uintptr_t)vectors[2 * (r - 64)] : 0;
  }
}

/* What the instruction does to the list of calls, before it is executed; sp is the stack pointer. */
static void follow(uintptr_t pc, uint32_t code, uintptr_t target, const mcontext_t *m) {
  if (is_call(code)) {
    call *c = push_call(pc, pc + 4, true);
    copy_saved(c->regs, m);
    c->out_to_c = !in_text(target);
  } else if (is_return(code)) {
    if (depth == 0) fail(pc, "a return too much");
    const call *c = &calls[--depth];
    if (target != c->ret) fail(pc, "returns elsewhere than it was called from");
    if (c->cfa != 0 && m->sp != c->cfa) fail(pc, "the stack pointer at the return is not the CFA");
  }
}

static void on_step(int sig, siginfo_t *info, void *context) {
  (void)sig, (void)info;
  mcontext_t *m = &((ucontext_t *)context)->uc_mcontext;
  uintptr_t pc = (uintptr_t)m->pc;
  breakpoint *here = breakpoint_at(pc);
  if (!here) fail(pc, "a breakpoint instruction that nobody has set");
  uint32_t code = here->code;
  remove_breakpoint(here);
  for (int i = breakpoint_count - 1; i >= 0; i--)
    if (!breakpoints[i].stays) remove_breakpoint(&breakpoints[i]);

  const w2n_code_row *row = w2n_code_at(header(), offset_of(pc));
  bool is_enter = row && pc == (uintptr_t)header() + header()->enter_offset;
  bool is_unwind = row && pc == (uintptr_t)header() + header()->unwind_offset;
  if (is_enter) {
    call *c = push_call(pc, (uintptr_t)m->regs[LR], false);
    c->is_enter = true;
    copy_saved(c->regs, m);
  } else if (is_unwind) {
    pop_to_enter(pc);
  } else if (in_c && depth > 0 && pc == calls[depth - 1].ret) {
    depth--; /* C returned */
  }
  steps++;
  if (!row) {
    veneers++; /* between functions, on the way of a call: neither account knows it, and nothing traps there */
  } else if (depth > 0) {
    const w2n_regs regs = {.pc = pc, .sp = m->sp, .fp = (uintptr_t)m->regs[FP], .lr = (uintptr_t)m->regs[LR]};
    check_unwinder(pc);
    check_frame(pc, code, &regs);
  }

  uintptr_t target = branch_target(pc, code, (const uint64_t *)m->regs);
  follow(pc, code, target, m);
  in_c = target != 0 && !in_text(target);
  last_text_pc = pc;
  bool falls_through = !(is_register_branch(code) || (code & 0x7c000000) == 0x14000000);
  if (falls_through && in_text(pc + 4)) set_breakpoint(pc + 4, false);
  if (target != 0 && in_text(target)) set_breakpoint(target, false);
  /* Where C comes in, or back; not at this very instruction, which is to be executed. */
  if (!is_enter) set_breakpoint((uintptr_t)header() + header()->enter_offset, true);
  if (!is_unwind) set_breakpoint((uintptr_t)header() + header()->unwind_offset, true);
  for (int i = 0; i < depth; i++)
    if (calls[i].out_to_c && calls[i].ret != pc) set_breakpoint(calls[i].ret, true);
}

void step_begin(void) {
  struct sigaction action = {.sa_sigaction = on_step, .sa_flags = SA_SIGINFO | SA_ONSTACK};
  sigaction(SIGTRAP, &action, NULL);
  uintptr_t from = (uintptr_t)header() & ~(uintptr_t)4095;
  uintptr_t to = (uintptr_t)header() + header()->text_bytes;
  if (mprotect((void *)from, to - from, PROT_READ | PROT_WRITE | PROT_EXEC) != 0) {
    perror("mprotect");
    _exit(1);
  }
  in_c = true;
  set_breakpoint((uintptr_t)header() + header()->enter_offset, true);
  set_breakpoint((uintptr_t)header() + header()->unwind_offset, true);
}

void step_end(void) {
  while (breakpoint_count > 0) remove_breakpoint(&breakpoints[0]);
}
