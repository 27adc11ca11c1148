/* runner.c: runs commands in turn and tells what each took, with as little of its own around them as possible.
 *   runner ROUNDS DIRECTORY STDIN MARK program args... [MARK program args...]...
 * Runs A B ... A B ... for ROUNDS rounds in DIRECTORY, stdin from the file STDIN, stdout and stderr to /dev/null.
 * For each run a line `number status wall cpu peak`: the command's number from 0, its wait status, nanoseconds from
 * spawn to end, microseconds of user and system time of it and the children it waited for, peak resident KiB.
 * Exits 2 when it cannot do that. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <inttypes.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static void fail(const char *what, int error) {
  fprintf(stderr, "runner: %s: %s\n", what, strerror(error));
  exit(2);
}

static int64_t now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int64_t microseconds(struct timeval t) { return (int64_t)t.tv_sec * 1000000 + t.tv_usec; }

static void run(int number, char **command, const char *input) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, input, O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
  pid_t child;
  int status;
  struct rusage used;
  int64_t start = now();
  int error = posix_spawnp(&child, command[0], &actions, NULL, command, environ);
  if (error) fail(command[0], error);
  if (wait4(child, &status, 0, &used) != child) fail("wait4", 1);
  int64_t wall = now() - start;
  posix_spawn_file_actions_destroy(&actions);
  printf("%d %d %" PRId64 " %" PRId64 " %ld\n", number, status, wall,
         microseconds(used.ru_utime) + microseconds(used.ru_stime), used.ru_maxrss);
}

int main(int argc, char **argv) {
  if (argc < 6) {
    fprintf(stderr, "usage: runner ROUNDS DIRECTORY STDIN MARK program args...\n");
    return 2;
  }
  long rounds = strtol(argv[1], NULL, 10);
  if (chdir(argv[2]) != 0) fail(argv[2], 1);
  char **commands[64];
  int count = 0;
  for (int i = 4; i < argc; i++) {
    if (strcmp(argv[i], argv[4]) != 0 || count == 64) continue;
    commands[count++] = argv + i + 1;
  }
  for (int i = argc - 1; i > 4; i--)
    if (strcmp(argv[i], argv[4]) == 0) argv[i] = NULL;
  for (long round = 0; round < rounds; round++)
    for (int n = 0; n < count; n++) run(n, commands[n], argv[3]);
  return fflush(stdout) == 0 ? 0 : 2;
}
