/* hand_x86_64.S: a module written by hand by docs/abi.md: what the stub is tested with apart from the compiler. */
  .intel_syntax noprefix
#define HAND_ISA 0
#define INSTANCE_BYTES 608
#include "hand_header.S"

enter:
  push rbp
  push rbx
  push r12
  push r13
  push r14
  push r15
  sub rsp, 24
  stmxcsr [rsp]
  fnstcw [rsp + 8]
  mov dword ptr [rsp + 16], 0x1f80
  ldmxcsr [rsp + 16]
  mov [r9], rsp
  mov rbp, rsp
  test r8, r8
  cmovnz rsp, r8
  mov r15, rdi
  mov r14, [rdi]
  mov rdi, rsi
  mov rsi, rdx
  call rcx
  mov rsp, rbp
  xor eax, eax
leave_wasm:
  ldmxcsr [rsp]
  fldcw [rsp + 8]
  add rsp, 24
  pop r15
  pop r14
  pop r13
  pop r12
  pop rbx
  pop rbp
  ret
unwind:
  mov rsp, rdi
  mov eax, esi
  jmp leave_wasm

call_thunk: /* up to two i32, one i32 back */
  push rbx
  mov rbx, rsi
  mov r15, [rdi + 16]
  mov r14, [r15]
  mov rax, [rdi]
  mov edi, [rbx]
  mov esi, [rbx + 16]
  call rax
  mov [rbx], rax
  pop rbx
  ret

host_thunk: /* i32 -> i32 */
  mov [r15 + 56], rsp
  cmp rsp, [r15 + 16]
  jb exhausted
  sub rsp, 24
  mov [rsp], rdi
  mov rdi, [r15 + 136]
  mov rsi, rsp
  call [r15 + 128]
  test eax, eax
  jnz host_failed
  mov eax, [rsp]
  add rsp, 24
  ret
host_failed:
  mov rdi, r15
  mov esi, eax
  mov rax, [r15 + 40]
  call [rax]
exhausted:
  .byte 0x0f, 0xb9, 0xc9

grow_thunk:
  mov [r15 + 56], rsp
  cmp rsp, [r15 + 16]
  jb exhausted
  sub rsp, 8
  mov rax, [r15 + 40]
  call [rax + 16]
  add rsp, 8
  ret

#ifdef C_IMPORT
c_thunk:
  mov [r15 + 56], rsp
  cmp rsp, [r15 + 16]
  jb exhausted
  sub rsp, 8
  mov esi, edi
  mov rdi, r15
  mov rax, [r15 + 48]
  mov rax, [rax + 24]
  call [rax]
  mov eax, eax
  add rsp, 8
  ret
  .pushsection .text
env__host:
  lea eax, [rsi + 1]
  ret
  .popsection
#endif

f_add:
#ifdef CRASH
  xor eax, eax
  mov [rax], eax
#endif
  lea eax, [rdi + rsi]
  ret
f_add_end:
.set f_add_frame, 0
f_unreachable:
  .byte 0x0f, 0xb9, 0xc1
f_unreachable_end:
.set f_unreachable_frame, 0
f_load:
  nop
  mov edi, edi
  mov eax, [r14 + rdi]
  ret
f_load_end:
.set f_load_frame, 0
f_recurse:
  push rbx
  sub rsp, 32
f_recurse_body:
  mov ebx, edi
  call f_recurse
  add rsp, 32
  pop rbx
  ret
f_recurse_end:
.set f_recurse_frame, 40
f_call_host:
  sub rsp, 24
f_call_host_body:
  mov [rsp], r15
  mov rax, [r15 + 128]
  mov r15, [r15 + 128 + 16]
  mov r14, [r15]
  call rax
  mov r15, [rsp]
  mov r14, [r15]
  add rsp, 24
  ret
f_call_host_end:
.set f_call_host_frame, 24
f_grow:
  sub rsp, 8
f_grow_body:
  mov esi, edi
  mov rdi, r15
  xor edx, edx
  call grow_thunk
  mov eax, eax
  add rsp, 8
  ret
f_grow_end:
.set f_grow_frame, 8
f_store:
  mov edi, edi
  mov [r14 + rdi], esi
  xor eax, eax
  ret
f_store_end:
.set f_store_frame, 0
f_start: /* global 0 += 2 */
  add dword ptr [r15 + 128 + 320 + 128], 2
  ret
f_start_end:
.set f_start_frame, 0
f_indirect: /* table[n] (n, n) */
  sub rsp, 24
f_indirect_body:
  mov [rsp], r15
  cmp rdi, [r15 + 128 + 320 + 64 + 8]
  jae 1f
  mov rax, [r15 + 128 + 320 + 64]
  mov rax, [rax + rdi * 8]
  test rax, rax
  jz 2f
  mov ecx, [rax + 8]
  mov rdx, [r15 + 32]
  cmp ecx, [rdx + 4]
  jne 3f
  mov esi, edi
  mov r15, [rax + 16]
  mov r14, [r15]
  call [rax]
  mov r15, [rsp]
  mov r14, [r15]
  add rsp, 24
  ret
1: .byte 0x0f, 0xb9, 0xcf
2: .byte 0x0f, 0xb9, 0xc4
3: .byte 0x0f, 0xb9, 0xc5
f_indirect_end:
.set f_indirect_frame, 24
#include "hand_tables.S"
