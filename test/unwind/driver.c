/* driver.c: runs the exports of w2n_main_module one machine instruction at a time (x86_64, Linux: the trap flag) and
 * checks at each instruction of compiled code that three accounts of the stack agree:
 *   - a shadow list, kept by watching calls and returns as they are executed,
 *   - .eh_frame, by libgcc's unwinder: return addresses, canonical frame addresses, callee-saved registers, to main,
 *   - the frame tables, by the stub's own walk.
 * Exports named `run_*` must return, `trap_K_*` end with trap kind K. The import env.host calls the export `callback`.
 * Output: `ok STEPS UNWOUND WALKED EXEMPT VENEERS DEEPEST`, or the first disagreement and exit status 1.
 * The walk is for instructions that may trap; where the frame is being taken down, or restored after a callee popped its
 * arguments, none may: such instructions are counted (EXEMPT) and must be of the few kinds that cannot fault. */
#define _GNU_SOURCE
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>
#include <unistd.h>
#include <unwind.h>
#include <x86intrin.h>
#include "w2n_stub.h"

extern const w2n_module w2n_main_module;

enum { MOST_CALLS = 200, MOST_FRAMES = 600, SAVED = 6, SAVED_BY_WASM = 4, TRAP_FLAG = 0x100 };

/* rbx rbp r12 r13 r14 r15: their DWARF numbers, and places in a signal context. The first four are wasm's. */
static const int dwarf_register[SAVED] = {3, 6, 12, 13, 14, 15};
static const int context_register[SAVED] = {REG_RBX, REG_RBP, REG_R12, REG_R13, REG_R14, REG_R15};

/* A call that has not returned, one of caller and callee being compiled code. */
typedef struct call {
  uintptr_t ret;
  uintptr_t slot;   /* where the return address was pushed */
  uintptr_t cfa;    /* what the unwinder said first; the stack pointer must have it after the return */
  uintptr_t regs[SAVED];
  bool from_text;   /* the return address lies in compiled code */
  bool is_enter;
} call;

typedef struct frame {
  uintptr_t ip, cfa, regs[SAVED];
} frame;

static call calls[MOST_CALLS];
static int depth, deepest;
static frame frames[MOST_FRAMES];
static int frame_count;
static bool found;
static uintptr_t interrupted;

static struct {
  uintptr_t pc, sp, regs[SAVED];
  bool in_text, valid;
} before;
static bool stepping;
static const char *current = "";
static uint64_t steps, unwound, walked, exempt, veneers;

static const w2n_header *header(void) { return w2n_main_module.header; }
static bool in_text(uintptr_t pc) { return pc - (uintptr_t)header() < header()->text_bytes; }
static uint64_t offset_of(uintptr_t pc) { return pc - (uintptr_t)header(); }

__attribute__((format(printf, 2, 3))) static void fail(uintptr_t pc, const char *format, ...) {
  va_list args;
  va_start(args, format);
  fprintf(stderr, "%s, pc 0x%" PRIx64 " (w2n_text+0x%" PRIx64 ", function %d): ", current, (uint64_t)pc, offset_of(pc),
          in_text(pc) && w2n_code_at(header(), offset_of(pc)) ? (int)w2n_code_at(header(), offset_of(pc))->function : -2);
  vfprintf(stderr, format, args);
  va_end(args);
  fprintf(stderr, "\n");
  for (int i = depth - 1; i >= 0; i--)
    fprintf(stderr, "  call %d: returns to 0x%" PRIx64 " (text+0x%" PRIx64 "), slot 0x%" PRIx64 "\n", i,
            (uint64_t)calls[i].ret, offset_of(calls[i].ret), (uint64_t)calls[i].slot);
  for (int i = 0; i < frame_count && i < 40; i++)
    fprintf(stderr, "  frame %d: ip 0x%" PRIx64 " (text+0x%" PRIx64 "), cfa 0x%" PRIx64 "\n", i, (uint64_t)frames[i].ip,
            offset_of(frames[i].ip), (uint64_t)frames[i].cfa);
  _exit(1);
}

/* ---- the unwinder's account ---- */

static _Unwind_Reason_Code visit(struct _Unwind_Context *context, void *unused) {
  (void)unused;
  int exact;
  uintptr_t ip = _Unwind_GetIPInfo(context, &exact);
  if (!found && !(exact && ip == interrupted)) return _URC_NO_REASON;
  found = true;
  if (frame_count == MOST_FRAMES) return _URC_END_OF_STACK;
  frame *f = &frames[frame_count++];
  f->ip = ip;
  f->cfa = _Unwind_GetCFA(context);
  for (int i = 0; i < SAVED; i++) f->regs[i] = _Unwind_GetGR(context, dwarf_register[i]);
  return _URC_NO_REASON;
}

static void check_unwinder(uintptr_t pc) {
  found = false;
  frame_count = 0;
  interrupted = pc;
  if (_Unwind_Backtrace(visit, NULL) != _URC_END_OF_STACK) fail(pc, "the unwinder does not come to the stack's end");
  int at = 0;
  if (frame_count == 0) fail(pc, "the unwinder does not find the interrupted frame");
  for (int i = depth - 1; i >= 0; i--) {
    call *c = &calls[i];
    /* Frames of C that the list does not know stand only outwards of C. */
    bool inner_is_c = i == depth - 1 ? !in_text(pc) : !calls[i + 1].from_text;
    for (at++; inner_is_c && at < frame_count && frames[at].ip != c->ret && !in_text(frames[at].ip);) at++;
    if (at >= frame_count || frames[at].ip != c->ret)
      fail(pc, "frame %d of the unwinder should be call %d's return address", at, i);
    if (c->cfa == 0) c->cfa = frames[at].cfa;
    if (frames[at].cfa != c->cfa)
      fail(pc, "the CFA of call %d changes from 0x%" PRIx64 " to 0x%" PRIx64, i, (uint64_t)c->cfa, (uint64_t)frames[at].cfa);
    for (int r = 0; r < (c->from_text ? SAVED_BY_WASM : SAVED); r++)
      if (frames[at].regs[r] != c->regs[r])
        fail(pc, "register %d of call %d's caller is 0x%" PRIx64 ", not 0x%" PRIx64, dwarf_register[r], i,
             (uint64_t)frames[at].regs[r], (uint64_t)c->regs[r]);
  }
  for (at++; at < frame_count; at++)
    if (in_text(frames[at].ip)) fail(pc, "the unwinder finds a frame of compiled code too much");
  unwound++;
}

/* ---- the frame tables' account ---- */

static const w2n_code_row *function_row(uintptr_t pc) {
  const w2n_code_row *row = in_text(pc) ? w2n_code_at(header(), offset_of(pc)) : NULL;
  return row && row->function != W2N_NONE ? row : NULL;
}

/* Compares a walk with the shadow list from its call `from` outwards; `innermost`: pc of the first frame, 0: none. */
static void compare_walk(uintptr_t pc, const w2n_trace *trace, uintptr_t innermost) {
  uint64_t at = 0;
  if (innermost) {
    if (trace->count == 0 || trace->first[0].code_offset != offset_of(innermost)) fail(pc, "the walk misses the first frame");
    at = 1;
  }
  for (int i = depth - 1; i >= 0; i--) {
    if (!calls[i].from_text || !function_row(calls[i].ret - 1)) continue;
    if (at >= trace->count || at >= W2N_TRACE_FIRST || trace->first[at].code_offset != offset_of(calls[i].ret) - 1)
      fail(pc, "frame %" PRIu64 " of the walk should be call %d's", at, i);
    at++;
  }
  if (at != trace->count) fail(pc, "the walk has %" PRIu64 " frames, not %" PRIu64, trace->count, at);
  walked++;
}

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

static void check_walk(uintptr_t pc, uintptr_t sp) {
  const w2n_code_row *row = function_row(pc);
  if (!row) return;
  const call *c = &calls[depth - 1];
  uint32_t prologue = w2n_functions(header())[row->function].prologue_bytes;
  bool complete = c->slot - sp == row->frame_bytes && *(const uintptr_t *)c->slot == c->ret;
  if (!complete && offset_of(pc) - row->offset >= prologue) {
    if (!cannot_fault((const uint8_t *)pc)) fail(pc, "the frame is not as the table says, at an instruction that may fault");
    exempt++;
    return;
  }
  w2n_thread copy = *w2n_self;
  const w2n_regs regs = {.pc = pc, .sp = sp};
  w2n_capture(&copy, W2N_TRAP_HOST, &regs, 0);
  compare_walk(pc, &copy.trace, pc);
}

/* From C code that compiled code called: as a helper's trap does it. */
static void check_walk_from_c(void) {
  w2n_thread copy = *w2n_self;
  w2n_capture(&copy, W2N_TRAP_HOST, NULL, w2n_latest_exit(w2n_self, NULL));
  compare_walk(before.pc, &copy.trace, 0);
}

/* ---- the shadow list ---- */

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
    /* Leaves all frames up to the innermost `enter`, whoever jumped or called here. */
    while (depth > 0 && !calls[depth - 1].is_enter) depth--;
    if (depth == 0) fail(pc, "unwind without enter");
    return;
  }
  if (sp + 8 == before.sp && (before.in_text || now_in_text) && call_length(last, *(const uintptr_t *)sp)) {
    if (depth == MOST_CALLS) fail(pc, "too many calls");
    call *c = &calls[depth++];
    if (depth > deepest) deepest = depth;
    *c = (call){.ret = *(const uintptr_t *)sp, .slot = sp, .from_text = before.in_text};
    c->is_enter = row && row->offset == header()->enter_offset;
    memcpy(c->regs, before.regs, sizeof c->regs);
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
      check_walk(pc, sp);
    }
  }
  before.pc = pc;
  before.sp = sp;
  for (int r = 0; r < SAVED; r++) before.regs[r] = (uintptr_t)u->uc_mcontext.gregs[context_register[r]];
  before.in_text = now_in_text;
  before.valid = true;
}

/* ---- the program ---- */

static const w2n_func *callback;

int32_t env__host(w2n_instance *caller, int32_t a, int64_t b, double c, int32_t d, int32_t e, int32_t f, int32_t g,
                  int32_t h, int32_t i, int32_t j, int32_t k);
int32_t env__host(w2n_instance *caller, int32_t a, int64_t b, double c, int32_t d, int32_t e, int32_t f, int32_t g,
                  int32_t h, int32_t i, int32_t j, int32_t k) {
  if (b != -1 || c != 0.5 || d != 3 || e != 4 || f != 5 || g != 6 || h != 7 || i != 8 || j != 9 || k != 10) abort();
  check_walk_from_c();
  w2n_value vals[1] = {{.i32 = a}};
  (void)caller;
  uint32_t kind = w2n_call(callback, vals);
  if (kind != 0) w2n_trap(kind);
  return vals[0].i32;
}

static void step_through(const w2n_func *f, uint32_t wanted) {
  w2n_value vals[1] = {{.lanes = {0, 0}}};
  depth = 0;
  before.valid = before.in_text = false;
  stepping = true;
  __writeeflags(__readeflags() | TRAP_FLAG);
  uint32_t kind = w2n_call(f, vals);
  stepping = false;
  if (kind != wanted) {
    fprintf(stderr, "%s ends with %s\n", current, w2n_error_string(kind));
    _exit(1);
  }
  if (depth != 0) fail(before.pc, "calls are left over");
}

int main(void) {
  struct sigaction action = {.sa_sigaction = on_step, .sa_flags = SA_SIGINFO | SA_ONSTACK};
  sigaction(SIGTRAP, &action, NULL);
  w2n_instance *inst;
  if (w2n_instantiate(&w2n_main_module, NULL, &inst) != W2N_OK) {
    fprintf(stderr, "%s\n", w2n_link_error());
    return 1;
  }
  callback = w2n_export_func(inst, "callback");
  const w2n_header *h = header();
  uint64_t exports = w2n_count(h, W2N_S_EXPORTS);
  for (uint64_t i = 0; i < exports; i++) {
    const w2n_export_row *row = &W2N_ROWS(h, W2N_S_EXPORTS, w2n_export_row)[i];
    char name[64];
    snprintf(name, sizeof name, "%.*s", (int)row->name.bytes, (const char *)w2n_at(h, row->name.offset));
    current = name;
    if (strncmp(name, "run_", 4) == 0) step_through(w2n_export_func(inst, name), 0);
    if (strncmp(name, "trap_", 5) == 0) step_through(w2n_export_func(inst, name), (uint32_t)atoi(name + 5));
  }
  w2n_free(inst);
  printf("ok %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %d\n", steps, unwound, walked, exempt, veneers,
         deepest);
  return 0;
}
