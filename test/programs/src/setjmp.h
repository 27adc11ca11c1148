/* Stands in for setjmp.h, which needs exception handling in WebAssembly: a longjmp ends the program. */
typedef int jmp_buf[1];
#define setjmp(buffer) ((void)(buffer), 0)
#define longjmp(buffer, value) __builtin_trap()
