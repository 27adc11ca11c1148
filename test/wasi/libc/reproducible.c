/* reproducible.c: prints its name, random bytes, times: what --argv0, --seed and --clock settle. */
#include <stdio.h>
#include <time.h>
#include <unistd.h>

int main(int argc, char **argv) {
  unsigned char random[8];
  struct timespec t;
  if (argc < 1 || getentropy(random, sizeof random) != 0) return 1;
  printf("%s ", argv[0]);
  for (size_t i = 0; i < sizeof random; i++) printf("%02x", random[i]);
  for (int i = 0; i < 3; i++) {
    if (clock_gettime(i % 2 ? CLOCK_MONOTONIC : CLOCK_REALTIME, &t) != 0) return 1;
    printf(" %lld.%09ld", (long long)t.tv_sec, t.tv_nsec);
  }
  putchar('\n');
  return 0;
}
