/* streams.c: which of the standard streams are terminals (exit status: bit n for descriptor n). */
#include <stdio.h>
#include <unistd.h>

int main(void) {
  int mask = 0;
  for (int fd = 0; fd < 3; fd++) mask |= isatty(fd) << fd;
  puts("written");
  return mask;
}
