/* driver.h: what the drivers of the unwinding test share. driver.c runs the exports of w2n_main_module one machine
 * instruction at a time (step_x86_64.c: by the trap flag; step_aarch64.c: by breakpoints) and checks at each instruction of
 * compiled code that three accounts of the stack agree:
 *   - a shadow list, kept by watching calls and returns as they are executed,
 *   - .eh_frame, by libgcc's unwinder: return addresses, canonical frame addresses, callee-saved registers, to main,
 *   - the frame tables, by the stub's own walk.
 * The walk is for instructions that may trap; where the frame is being taken down, or restored after a callee popped its
 * arguments, none may: such instructions are counted (exempt) and must be of the few kinds that cannot fault. */
#ifndef DRIVER_H
#define DRIVER_H
#define _GNU_SOURCE
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>
#include <unistd.h>
#include "w2n_stub.h"

extern const w2n_module w2n_main_module;

enum { MOST_CALLS = 200, MOST_FRAMES = 600, MOST_SAVED = 20 };

/* ---- each instruction set ---- */

/* Callee-saved registers of C, `saved` of them, by their DWARF numbers; the first `saved_by_wasm` are also wasm's. */
extern const int saved, saved_by_wasm, dwarf_register[MOST_SAVED];
/* From step_begin on, until step_end, this thread calls step_at before each instruction of compiled code. */
void step_begin(void);
void step_end(void);

/* ---- the shadow list ---- */

/* A call that has not returned, one of caller and callee being compiled code. */
typedef struct call {
  uintptr_t ret;
  uintptr_t slot;   /* x86_64: where the return address was pushed */
  uintptr_t cfa;    /* what the unwinder said first; the stack pointer must have it after the return */
  uintptr_t regs[MOST_SAVED];
  bool from_text;   /* the return address lies in compiled code */
  bool is_enter;
  bool out_to_c;    /* aarch64: compiled code has called C */
} call;

extern call calls[MOST_CALLS];
extern int depth, deepest;
extern uint64_t steps, unwound, walked, exempt, veneers;
/* The instruction of compiled code before the current one, or before C was called. */
extern uintptr_t last_text_pc;

static inline const w2n_header *header(void) { return w2n_main_module.header; }
static inline bool in_text(uintptr_t pc) { return pc - (uintptr_t)header() < header()->text_bytes; }
static inline uint64_t offset_of(uintptr_t pc) { return pc - (uintptr_t)header(); }

__attribute__((format(printf, 2, 3), noreturn)) void fail(uintptr_t pc, const char *format, ...);
/* Adds a call; the caller fills in the rest. */
call *push_call(uintptr_t pc, uintptr_t ret, bool from_text);
/* At the first instruction of `unwind`: leaves all frames up to the innermost `enter`, whoever jumped or called here. */
void pop_to_enter(uintptr_t pc);

/* ---- the accounts ---- */

void check_unwinder(uintptr_t pc);
/* The row of the function (no thunk) that holds pc, or NULL. */
const w2n_code_row *function_row(uintptr_t pc);
/* The stub's walk from these registers against the shadow list. */
void check_walk(const w2n_regs *regs);

#endif
