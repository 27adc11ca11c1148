/* An ordinary C program, made by make's built-in rule. */
#include <stdio.h>

int main(void) {
  puts("made by the C compiler alone");
  return 0;
}
