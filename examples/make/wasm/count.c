/* Counts the lines of its standard input. */
#include <stdio.h>

int main(void) {
  long lines = 0;
  for (int c = getchar(); c != EOF; c = getchar()) lines += c == '\n';
  printf("%ld\n", lines);
  return 0;
}
