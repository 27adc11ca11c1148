/* What Lua needs that wasi-libc does not have: included before every file of Lua. Errors that longjmp end the program. */
#include <stdio.h>
#include <stdlib.h>
#define L_tmpnam 20
#define tmpnam(buffer) ((char *)0)
#define system(command) (-1)
#define tmpfile() ((FILE *)0)
