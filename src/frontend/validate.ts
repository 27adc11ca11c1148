// Validation of function bodies and constant expressions (specification 3.4 and appendix A.3), as a cursor that a
// translator drives: decode, validate and translate are one pass.
//
//   const v = new FuncValidator(module);          // one for many functions; all memory is reused
//   v.begin(func);                                // locals decoded, function frame pushed
//   while (v.step()) {                            // decodes and validates ONE operator
//     if (!v.wasReachable) continue;              // (keep count of frames: see below)
//     switch (v.op) { ... }                       // translate from the fields
//   }                                             // false: the final `end` has been passed, body consumed
//
// After step():
//   op, opOffset       the operator and its absolute byte offset
//   imm0 imm1 imm2     immediates, lo hi words labels: see Imm in immediates.ts, by OP_IMM[op]
//   wasReachable       whether the operator can execute (state BEFORE it): translate nothing where false
//   reachable          whether what follows can execute (state AFTER it)
//   stack, height      types of the operand stack AFTER the operator (int32 value types, Bottom in unreachable code)
//   poppedType         for drop, select, ref.* and br_on_*: the type of the operand that decides (see there)
//   depth              number of frames AFTER the operator; frame 0 is the function body, depth - 1 the innermost
//   ctl*               columns by frame. Label l of an operator is frame depth - 1 - l (frameOfLabel). `block`,
//                      `loop`, `if` push their frame; `else` renews the innermost one in place; `end` pops: its
//                      entries stay readable at index depth until the next push. Frames are pushed and popped in
//                      unreachable code too (ctlEntryReachable is then 0), so a translator's own frame stack stays parallel.
//   ctlHeight          height of the operand stack below the block's parameters
//   ctlParam/ctlResult types: ranges of module.types.pool: first index and count
//   labelFirst(l), labelCount(l)  types that a branch to label l carries (a loop's parameters, else the results)
//
// At an `end` or `else` reached from unreachable code (`wasReachable` false) the stack holds the block's results (or
// parameters) again. Functions are independent: each worker decodes the module itself and takes a range of functions.
