/* expr.c: constant expressions. The compiler has validated them; their depth is at most 64. */
#include "w2n_stub.h"

enum { DEPTH = 64 };

w2n_value w2n_eval(w2n_instance *inst, uint32_t first, uint32_t count) {
  const w2n_expr_op *ops = W2N_ROWS(inst->header, W2N_S_EXPRS, w2n_expr_op) + first;
  w2n_value stack[DEPTH];
  uint32_t depth = 0;
  stack[0] = (w2n_value){.lanes = {0, 0}};
  for (uint32_t i = 0; i < count; i++) {
    const w2n_expr_op *op = &ops[i];
    if (op->op >= W2N_X_I32_ADD) {
      if (depth < 2) w2n_raise(W2N_TRAP_HOST);
      uint64_t a = stack[depth - 2].u64, b = stack[depth - 1].u64, r = 0;
      switch (op->op) {
        case W2N_X_I32_ADD: case W2N_X_I64_ADD: r = a + b; break;
        case W2N_X_I32_SUB: case W2N_X_I64_SUB: r = a - b; break;
        case W2N_X_I32_MUL: case W2N_X_I64_MUL: r = a * b; break;
        default: w2n_raise(W2N_TRAP_HOST);
      }
      stack[--depth - 1].u64 = op->op < W2N_X_I64_ADD ? (uint32_t)r : r;
      continue;
    }
    if (depth == DEPTH) w2n_raise(W2N_TRAP_HOST);
    w2n_value *top = &stack[depth++];
    *top = (w2n_value){.lanes = {0, 0}};
    switch (op->op) {
      case W2N_X_CONST: *top = (w2n_value){.lanes = {op->lo, op->hi}}; break;
      case W2N_X_GLOBAL_GET: *top = *w2n_get_global(inst, op->imm); break;
      case W2N_X_REF_FUNC: top->funcref = w2n_slot(inst, op->imm); break;
      default: break; /* ref.null */
    }
  }
  return stack[0];
}
