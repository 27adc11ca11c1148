/* effects.c: what limits and grants do to a program. The first argument says what to try; what comes out is printed. */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define HOST(name) __attribute__((import_module("host"), import_name(#name)))
/* Does one thing that no program under WASI may (host/denied.c); its errno, 0 if it went well. */
int32_t HOST(try_call) try_call(int32_t which);

/* MiB that can be had, 64 at most. */
static int memory(void) {
  int n = 0;
  for (; n < 64; n++) {
    volatile char *p = malloc(1 << 20);
    if (p == NULL) break;
    p[0] = p[(1 << 20) - 1] = 1;
  }
  printf("%d\n", n);
  return 0;
}

/* Files that can be open at once, and why it is no more. */
static int files(void) {
  int n = 0;
  while (n < 100 && open("/d/file", O_CREAT | O_RDWR, 0666) >= 0) n++;
  printf("%d %s\n", n, n == 100 ? "all" : errno == EMFILE ? "EMFILE" : strerror(errno));
  return 0;
}

/* The errno of opening each of the other arguments. */
static int opens(char **paths) {
  for (; *paths != NULL; paths++) {
    int fd = open(*paths, O_RDONLY);
    printf("%d ", fd < 0 ? errno : 0);
    if (fd >= 0) close(fd);
  }
  putchar('\n');
  return 0;
}

/* Exit status: bit n if descriptor n is closed, 64 if a file that is opened then is none of them by mistake. */
static int closed(void) {
  int status = 0;
  for (int fd = 0; fd < 3; fd++) {
    char byte;
    ssize_t n = fd == 0 ? read(fd, &byte, 1) : write(fd, "", 0);
    if (n < 0 && errno == EBADF) status |= 1 << fd;
  }
  FILE *f = fopen("/d/kept", "w");
  if (f == NULL || fputs("kept", f) < 0 || fflush(f) != 0) status |= 64;
  /* As everywhere, the file may have got a number of theirs: what is written there would be the program's own doing. */
  if (!(status & 4)) fprintf(stderr, "to standard error\n");
  if (!(status & 2)) printf("to standard output\n");
  fflush(stdout);
  if (getenv("TRAP") != NULL) __builtin_trap(); /* The file is open, and the report goes to the host's 2. */
  return status;
}

/* Writes without end: exit status is the errno that stops it. */
static int writes(void) {
  static char block[65536];
  for (;;)
    if (write(1, block, sizeof block) < 0) return errno;
}

static int sleeps(void) {
  sleep(3600);
  return 0;
}

static int reads(void) {
  char byte;
  return (int)read(0, &byte, 1);
}

static int loops(void) {
  for (volatile int i = 0;; i++) {
  }
}

/* Answers one connection to the first granted socket with what it sends, until it has said all. */
static int serves(void) {
  char buffer[1000];
  int fd = accept(3, NULL, NULL);
  if (fd < 0) return errno;
  for (ssize_t n; (n = recv(fd, buffer, sizeof buffer, 0)) != 0;)
    if (n < 0 || send(fd, buffer, (size_t)n, 0) != n) return errno;
  return shutdown(fd, SHUT_RDWR) != 0 || close(fd) != 0;
}

static int calls(void) {
  for (int i = 0, r; (r = try_call(i)) >= 0; i++) printf("%d ", r);
  putchar('\n');
  return 0;
}

int main(int argc, char **argv) {
  const struct {
    const char *name;
    int (*run)(void);
  } tries[] = {{"memory", memory}, {"files", files},   {"closed", closed}, {"writes", writes},
               {"sleeps", sleeps}, {"reads", reads}, {"loops", loops},   {"calls", calls},
               {"serves", serves}};
  if (argc < 2) return 100;
  if (strcmp(argv[1], "opens") == 0) return opens(argv + 2);
  for (size_t i = 0; i < sizeof tries / sizeof tries[0]; i++)
    if (strcmp(argv[1], tries[i].name) == 0) return tries[i].run();
  return 101;
}
