/* step_x86_64.c: single steps on x86_64 Linux by the trap flag, and what a frame of compiled code looks like there. */
#include "driver.h"
#include <x86intrin.h>

enum { TRAP_FLAG = 0x100, SAVED = 6 };

/* rbx rbp r12 r13 are wasm's; r14 r15. */
const int saved = SAVED, saved_by_wasm = 4;
const int dwarf_register[MOST_SAVED] = {3, 6, 12, 13, 14, 15};
static const int context_register[SAVED] = {REG_RBX, REG_RBP, REG_R12, REG_R13, REG_R14, REG_R15};

static struct {
  uintptr_t pc, sp, regs[SAVED];
  bool in_text, valid;
} before;
static bool stepping;

/* Whether an instruction neither touches memory beyond the frame and the instance nor traps otherwise. */
static bool cannot_fault(const uint8_t *p) {
  bool wide = (*p & 0xf0) == 0x40;
  const uint8_t *q = p + wide;
  if ((*q & 0xf8) == 0x58 || *q == 0xc2 || *q == 0xc3) return true;            /* pop, ret */
  if (*q == 0xe9 || *q == 0xeb || (*q == 0xff && (q[1] & 0x38) == 0x20)) return true; /* jmp */
  if ((*q == 0x81 || *q == 0x83) && q[1] == 0xec && *p == 0x48) return true;   /* sub rsp, imm */
  if ((*q == 0x81 || *q == 0x83) && q[1] == 0xc4 && *p == 0x48) return true;   /* add rsp, imm */
  if ((*q == 0x89 || *q == 0x8b) && (q[1] & 7) == 4 && q[2] == 0x24) return true; /* mov to and from [rsp + disp] */
  return *q == 0x8b && (*p & 1) && ((q[1] & 7) == 7 || (q[1] & 7) == 2);       /* mov from [r15 + disp], [r10 + disp] */
}

static void check_frame(uintptr_t pc, uintptr_t sp) {
  const w2n_code_row *row = function_row(pc);
  if (!row) return;
  const call *c = &calls[depth - 1];
  uint32_t prologue = row->prologue_bytes;
  bool complete = c->slot - sp == row->frame_bytes && *(const uintptr_t *)c->slot == c->ret;
  if (!complete && offset_of(pc) - row->offset >= prologue) {
    if (!cannot_fault((const uint8_t *)pc)) fail(pc, "the frame is not as the table says, at an instruction that may fault");
    exempt++;
    return;
  }
  const w2n_regs regs = {.pc = pc, .sp = sp};
  check_walk(&regs);
}

/* Length of the call instruction at `p`, 0 if it is none. */
static int call_length(const uint8_t *p, uintptr_t pushed) {
  int prefix = (*p & 0xf0) == 0x40;
  bool is_call = *p == 0xe8 || (p[prefix] == 0xff && (p[prefix + 1] & 0x38) == 0x10);
  intptr_t length = (intptr_t)(pushed - (uintptr_t)p);
  return is_call && length >= 2 && length <= 9 ? (int)length : 0;
}

static bool is_return(const uint8_t *p) { return *p == 0xc3 || *p == 0xc2 || (*p == 0xf3 && p[1] == 0xc3); }

static void follow(uintptr_t pc, uintptr_t sp, bool now_in_text) {
  const w2n_code_row *row = now_in_text ? w2n_code_at(header(), offset_of(pc)) : NULL;
  const uint8_t *last = (const uint8_t *)before.pc;
  if (row && row->offset == header()->unwind_offset) {
    pop_to_enter(pc);
    return;
  }
  if (sp + 8 == before.sp && (before.in_text || now_in_text) && call_length(last, *(const uintptr_t *)sp)) {
    call *c = push_call(pc, *(const uintptr_t *)sp, before.in_text);
    c->slot = sp;
    c->is_enter = row && row->offset == header()->enter_offset;
    memcpy(c->regs, before.regs, sizeof before.regs);
    return;
  }
  if (depth > 0 && is_return(last) && before.sp == calls[depth - 1].slot) {
    const call *c = &calls[--depth];
    if (pc != c->ret) fail(pc, "returns elsewhere than it was called from");
    if (c->cfa != 0 && sp != c->cfa) fail(pc, "the stack pointer after the return is not the CFA");
  }
}

static void on_step(int sig, siginfo_t *info, void *context) {
  (void)sig, (void)info;
  ucontext_t *u = context;
  uintptr_t pc = (uintptr_t)u->uc_mcontext.gregs[REG_RIP], sp = (uintptr_t)u->uc_mcontext.gregs[REG_RSP];
  if (!stepping) {
    u->uc_mcontext.gregs[REG_EFL] &= ~(greg_t)TRAP_FLAG;
    before.valid = false;
    return;
  }
  bool now_in_text = in_text(pc);
  if (before.valid) follow(pc, sp, now_in_text);
  if (now_in_text || before.in_text) {
    steps += now_in_text;
    if (now_in_text && !w2n_code_at(header(), offset_of(pc))) {
      veneers++; /* between functions, on the way of a call: neither account knows it, and nothing traps there */
    } else if (depth > 0) {
      check_unwinder(pc);
      check_frame(pc, sp);
    }
  }
  before.pc = pc;
  before.sp = sp;
  for (int r = 0; r < SAVED; r++) before.regs[r] = (uintptr_t)u->uc_mcontext.gregs[context_register[r]];
  before.in_text = now_in_text;
  last_text_pc = pc;
  before.valid = true;
}

void step_begin(void) {
  struct sigaction action = {.sa_sigaction = on_step, .sa_flags = SA_SIGINFO | SA_ONSTACK};
  sigaction(SIGTRAP, &action, NULL);
  before.valid = before.in_text = false;
  stepping = true;
  __writeeflags(__readeflags() | TRAP_FLAG);
}

void step_end(void) { stepping = false; }
