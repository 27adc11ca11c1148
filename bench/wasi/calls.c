/* calls.c: what the host's calls cost: `write FILE` and `read FILE` move 1 GiB in pieces of 64 KiB, `clock` reads the clock a
 * million times. Exit status 1 if anything was short. */
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { PIECE = 65536, PIECES = 16384, READINGS = 1000000 };
static char piece[PIECE];

static int write_all(const char *file) {
  int fd = open(file, O_WRONLY | O_CREAT | O_TRUNC, 0666);
  if (fd < 0) return 1;
  for (int i = 0; i < PIECES; i++) {
    piece[0] = (char)i;
    if (write(fd, piece, PIECE) != PIECE) return 1;
  }
  return close(fd) != 0;
}

static int read_all(const char *file) {
  int fd = open(file, O_RDONLY);
  if (fd < 0) return 1;
  for (int i = 0; i < PIECES; i++)
    if (read(fd, piece, PIECE) != PIECE || piece[0] != (char)i) return 1;
  return read(fd, piece, PIECE) != 0 || close(fd) != 0;
}

static int read_clock(void) {
  struct timespec last = {0, 0}, now;
  for (int i = 0; i < READINGS; i++) {
    if (clock_gettime(CLOCK_MONOTONIC, &now) != 0) return 1;
    if (now.tv_sec < last.tv_sec || (now.tv_sec == last.tv_sec && now.tv_nsec < last.tv_nsec)) return 1;
    last = now;
  }
  return 0;
}

int main(int argc, char **argv) {
  if (argc == 3 && strcmp(argv[1], "write") == 0) return write_all(argv[2]);
  if (argc == 3 && strcmp(argv[1], "read") == 0) return read_all(argv[2]);
  if (argc == 2 && strcmp(argv[1], "clock") == 0) return read_clock();
  return 2;
}
