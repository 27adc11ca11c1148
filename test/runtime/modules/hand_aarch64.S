/* hand_aarch64.S: the module of hand_x86_64.S for the other instruction set. */
#define HAND_ISA 1
#define INSTANCE_BYTES 608
#include "hand_header.S"

enter:
  stp x29, x30, [sp, -176]!
  mov x29, sp
  stp x19, x20, [sp, 16]
  stp x21, x22, [sp, 32]
  stp x23, x24, [sp, 48]
  stp x25, x26, [sp, 64]
  stp x27, x28, [sp, 80]
  stp d8, d9, [sp, 96]
  stp d10, d11, [sp, 112]
  stp d12, d13, [sp, 128]
  stp d14, d15, [sp, 144]
  mrs x9, fpcr
  str x9, [sp, 160]
  msr fpcr, xzr
  mov x9, sp
  str x9, [x5]
  cbz x4, 1f
  mov sp, x4
1:
  mov x28, x0
  ldr x27, [x28]
  mov x0, x1
  mov x1, x2
  blr x3
  mov sp, x29
  mov w0, 0
leave_wasm:
  ldr x9, [sp, 160]
  msr fpcr, x9
  ldp x19, x20, [sp, 16]
  ldp x21, x22, [sp, 32]
  ldp x23, x24, [sp, 48]
  ldp x25, x26, [sp, 64]
  ldp x27, x28, [sp, 80]
  ldp d8, d9, [sp, 96]
  ldp d10, d11, [sp, 112]
  ldp d12, d13, [sp, 128]
  ldp d14, d15, [sp, 144]
  ldp x29, x30, [sp], 176
  ret
unwind:
  mov sp, x0
  mov w0, w1
  b leave_wasm

call_thunk:
  stp x29, x30, [sp, -32]!
  mov x29, sp
  str x19, [sp, 16]
  mov x19, x1
  ldr x28, [x0, 16]
  ldr x27, [x28]
  ldr x9, [x0]
  ldr w0, [x19]
  ldr w1, [x19, 16]
  blr x9
  mov w0, w0
  str x0, [x19]
  ldr x19, [sp, 16]
  ldp x29, x30, [sp], 32
  ret

host_thunk:
  mov x9, sp
  ldr x10, [x28, 16]
  cmp x9, x10
  b.lo exhausted
  stp x29, x30, [sp, -32]!
  mov x29, sp
  str x29, [x28, 56]
  str x0, [sp, 16]
  ldr x0, [x28, 136]
  add x1, sp, 16
  ldr x9, [x28, 128]
  blr x9
  cbnz w0, host_failed
  ldr w0, [sp, 16]
  ldp x29, x30, [sp], 32
  ret
host_failed:
  mov w1, w0
  mov x0, x28
  ldr x9, [x28, 40]
  ldr x9, [x9]
  blr x9
exhausted:
  udf 9

grow_thunk:
  mov x9, sp
  ldr x10, [x28, 16]
  cmp x9, x10
  b.lo exhausted
  stp x29, x30, [sp, -16]!
  mov x29, sp
  str x29, [x28, 56]
  ldr x9, [x28, 40]
  ldr x9, [x9, 16]
  blr x9
  ldp x29, x30, [sp], 16
  ret

f_add:
#ifdef CRASH
  mov x9, 0
  str w0, [x9]
#endif
  add w0, w0, w1
  ret
f_add_end:
.set f_add_frame, 0
f_unreachable:
  udf 1
f_unreachable_end:
.set f_unreachable_frame, 0
f_load:
  nop
  mov w0, w0
  ldr w0, [x27, x0]
  ret
f_load_end:
.set f_load_frame, 0
f_recurse:
  stp x29, x30, [sp, -32]!
  mov x29, sp
f_recurse_body:
  str x19, [sp, 16]
  bl f_recurse
  ldp x29, x30, [sp], 32
  ret
f_recurse_end:
.set f_recurse_frame, 32
f_call_host:
  stp x29, x30, [sp, -32]!
  mov x29, sp
f_call_host_body:
  str x28, [sp, 16]
  ldr x9, [x28, 128]
  ldr x28, [x28, 128 + 16]
  ldr x27, [x28]
  blr x9
  ldr x28, [sp, 16]
  ldr x27, [x28]
  ldp x29, x30, [sp], 32
  ret
f_call_host_end:
.set f_call_host_frame, 32
f_grow:
  stp x29, x30, [sp, -16]!
  mov x29, sp
f_grow_body:
  mov w1, w0
  mov x0, x28
  mov w2, 0
  bl grow_thunk
  mov w0, w0
  ldp x29, x30, [sp], 16
  ret
f_grow_end:
.set f_grow_frame, 16
f_store:
  mov w0, w0
  str w1, [x27, x0]
  mov w0, 0
  ret
f_store_end:
.set f_store_frame, 0
f_start:
  ldr w9, [x28, 128 + 320 + 128]
  add w9, w9, 2
  str w9, [x28, 128 + 320 + 128]
  ret
f_start_end:
.set f_start_frame, 0
f_indirect:
  stp x29, x30, [sp, -32]!
  mov x29, sp
f_indirect_body:
  str x28, [sp, 16]
  ldr x9, [x28, 128 + 320 + 64 + 8]
  cmp x0, x9
  b.hs 1f
  ldr x9, [x28, 128 + 320 + 64]
  ldr x9, [x9, x0, lsl 3]
  cbz x9, 2f
  ldr w10, [x9, 8]
  ldr x11, [x28, 32]
  ldr w11, [x11, 4]
  cmp w10, w11
  b.ne 3f
  mov w1, w0
  ldr x28, [x9, 16]
  ldr x27, [x28]
  ldr x9, [x9]
  blr x9
  ldr x28, [sp, 16]
  ldr x27, [x28]
  ldp x29, x30, [sp], 32
  ret
1: udf 15
2: udf 4
3: udf 5
f_indirect_end:
.set f_indirect_frame, 32
#include "hand_tables.S"
