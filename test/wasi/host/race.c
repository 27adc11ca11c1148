/* race.c: while the guest works on paths, a second thread of the host keeps exchanging a directory with a link that leads
 * out, a file with such a link, and moves a directory out and back. The guest's argument 1 is the time in ms for each
 * operation. The tree is the one of escape.c; the current directory holds `grant`, `second` and `outside`, which nothing
 * here touches: whatever changes in it has been changed by the guest. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../guest/guest.h"

enum { SECOND = 4 };

static atomic_bool stop;
static atomic_ulong swaps;
static struct stat secret, inner, outside, outside_dir, above;

static void must(int r, const char *what) {
  if (r != 0) {
    perror(what);
    exit(1);
  }
}

static void exchange(const char *a, const char *b) {
  must((int)syscall(SYS_renameat2, AT_FDCWD, a, AT_FDCWD, b, 2 /* RENAME_EXCHANGE */), "renameat2");
}

static void *swapper(void *unused) {
  while (!atomic_load(&stop)) {
    exchange("grant/swap", "grant/swap_link");
    exchange("grant/swap_file", "grant/swap_file_link");
    must(rename("grant/moved/away", "elsewhere/away"), "rename");
    must(rename("elsewhere/away", "grant/moved/away"), "rename");
    atomic_fetch_add(&swaps, 1);
#ifdef VALGRIND
    /* Threads take turns there: one that never rests keeps the locks of the directories from the other, 4 ms each time. */
    usleep(100);
#endif
  }
  return unused;
}

static void write_file(const char *path, const char *text) {
  int fd = open(path, O_CREAT | O_WRONLY | O_TRUNC, 0666);
  must(fd < 0 || write(fd, text, strlen(text)) < 0, path);
  close(fd);
}

/* The filestat at area + RESULT is of nothing outside. */
static void inside_only(const char *what) {
  uint64_t inode = load64(area + 8);
  if (inode == secret.st_ino || inode == inner.st_ino || inode == outside.st_ino || inode == outside_dir.st_ino ||
      inode == above.st_ino)
    fail(what, 0, "reached the outside", (i64)inode, 0);
}

/* What was opened is nothing outside, and has not its content. */
static void check_fd(const char *what, i32 r) {
  uint32_t done;
  if (r != OK) return;
  i32 fd = (i32)load32(area);
  if (fd_filestat_get(fd, OUT) == OK) inside_only(what);
  if (read_text(fd, 6, &done) == OK && done == 6 && memcmp(at(area + DATA), "SECRET", 6) == 0)
    fail(what, 0, "read the outside", 1, 0);
  CHECK(fd_close(fd), OK);
}

static void check_stat(const char *what, i32 r) {
  if (r == OK) inside_only(what);
}

/* What was linked or moved to `stolen` is nothing outside; it goes away again. */
static void check_stolen(const char *what, i32 r) {
  if (r != OK) return;
  check_stat(what, path_filestat_get(GRANT, 0, PATH("stolen"), OUT));
  CHECK(path_unlink_file(GRANT, PATH("stolen")), OK);
}

static i32 open_path(const char *p, i32 lookup, i32 oflags, i64 rights) {
  return path_open(GRANT, lookup, PATH(p), oflags, rights, 0, 0, OUT);
}

static void open_read(const char *p) { check_fd(p, open_path(p, FOLLOW, 0, R_RW)); }
static void open_no_follow(const char *p) { check_fd(p, open_path(p, 0, 0, R_RW)); }
static void open_create(const char *p) { check_fd(p, open_path(p, FOLLOW, CREAT, R_RW)); }
static void open_truncate(const char *p) { check_fd(p, open_path(p, FOLLOW, TRUNC, R_RW)); }
static void open_create_truncate(const char *p) { check_fd(p, open_path(p, 0, CREAT | TRUNC, R_RW)); }
static void open_exclusive(const char *p) { check_fd(p, open_path(p, FOLLOW, CREAT | EXCL, R_RW)); }
static void open_directory(const char *p) { check_fd(p, open_path(p, FOLLOW, DIRECTORY, 0)); }
static void stat_follow(const char *p) { check_stat(p, path_filestat_get(GRANT, FOLLOW, PATH(p), OUT)); }
static void stat_no_follow(const char *p) { check_stat(p, path_filestat_get(GRANT, 0, PATH(p), OUT)); }
static void times_follow(const char *p) { path_filestat_set_times(GRANT, FOLLOW, PATH(p), 1, 1, 5); }
static void times_no_follow(const char *p) { path_filestat_set_times(GRANT, 0, PATH(p), 1, 1, 5); }
static void link_follow(const char *p) { check_stolen(p, path_link(GRANT, FOLLOW, PATH(p), GRANT, PATH2("stolen"))); }
static void link_no_follow(const char *p) { check_stolen(p, path_link(GRANT, 0, PATH(p), GRANT, PATH2("stolen"))); }
static void link_to(const char *p) { path_link(SECOND, 0, PATH2("second_file"), GRANT, PATH(p)); }
static void rename_from(const char *p) {
  if (strcmp(p, "swap/secret") != 0 && strcmp(p, "swap/dir/inner") != 0 && strcmp(p, "swap/new") != 0) return;
  check_stolen(p, path_rename(GRANT, PATH(p), GRANT, PATH2("stolen")));
}
static void rename_to(const char *p) {
  if (strcmp(p, "swap") == 0 || strcmp(p, "swap_file") == 0) return; /* The swapper needs them. */
  if (path_rename(SECOND, PATH2("second_file"), GRANT, PATH(p)) == OK) make_file("again", "inside");
  path_rename(GRANT, PATH("again"), SECOND, PATH2("second_file"));
}
static void make_link(const char *p) { path_symlink(PATH2("file"), GRANT, PATH(p)); }
static void make_directory(const char *p) { path_create_directory(GRANT, PATH(p)); }
static void remove_directory(const char *p) {
  if (strcmp(p, "swap") != 0) path_remove_directory(GRANT, PATH(p));
}
static void unlink_file(const char *p) {
  if (strcmp(p, "swap") != 0 && strcmp(p, "swap_file") != 0) path_unlink_file(GRANT, PATH(p));
}
static void read_link(const char *p) {
  if (path_readlink(GRANT, PATH(p), (i32)(area + DATA), 100, OUT) == OK) CHECK(*at(area + DATA) == '/', false);
}

static const struct {
  const char *name;
  void (*run)(const char *path);
} operations[] = {
    {"open", open_read},
    {"open, not followed", open_no_follow},
    {"create", open_create},
    {"truncate", open_truncate},
    {"create and truncate", open_create_truncate},
    {"create exclusively", open_exclusive},
    {"open directory", open_directory},
    {"stat", stat_follow},
    {"stat, not followed", stat_no_follow},
    {"times", times_follow},
    {"times, not followed", times_no_follow},
    {"link", link_follow},
    {"link, not followed", link_no_follow},
    {"link to", link_to},
    {"rename", rename_from},
    {"rename to", rename_to},
    {"symlink", make_link},
    {"create directory", make_directory},
    {"remove directory", remove_directory},
    {"unlink", unlink_file},
    {"readlink", read_link},
};
static const char *const paths[] = {
    "swap/secret", "swap", "swap_file", "swap/new", "swap/dir", "swap/dir/inner", "swap/dir/new", "swap/../outside/secret",
    "swap/../outside/new", "moved/away/..", "moved/away/../..", "moved/away/deep/../../../..",
    "moved/away/../../outside/secret", "moved/away/../../../outside/secret", "moved/away/deep/../../../outside/new",
};

/* What the operations need and may have removed. */
static void restore(void) {
  path_create_directory(GRANT, PATH("swap/dir"));
  make_file("swap/secret", "INSIDE");
}

void scenario(void) {
  CHECK(args_sizes_get(OUT, OUT + 4), OK);
  CHECK(load32(area), 2);
  CHECK(args_get(OUT, OUT + 64), OK);
  uint32_t ms = (uint32_t)atoi((const char *)at(load32(area + 4)));
  must(stat("outside/secret", &secret) | stat("outside/dir/inner", &inner) | stat("outside", &outside) |
           stat("outside/dir", &outside_dir) | stat(".", &above),
       "stat");
  must(mkdir("grant/swap", 0777) | mkdir("grant/moved", 0777) | mkdir("grant/moved/away", 0777) |
           mkdir("grant/moved/away/deep", 0777) | mkdir("elsewhere", 0777),
       "mkdir");
  write_file("grant/swap_file", "INSIDE");
  must(symlink("../outside", "grant/swap_link") | symlink("../outside/secret", "grant/swap_file_link"), "symlink");
  pthread_t thread;
  must(pthread_create(&thread, NULL, swapper, NULL), "thread");
  for (size_t op = 0; op < sizeof operations / sizeof operations[0]; op++) {
    uint64_t rounds = 0;
    CHECK(clock_time_get(1, 0, OUT), OK);
    uint64_t until = load64(area) + (uint64_t)ms * 1000000;
    do {
      restore();
      for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) operations[op].run(paths[i]);
      rounds++;
      CHECK(clock_time_get(1, 0, OUT), OK);
    } while (load64(area) < until);
    say(operations[op].name);
    say(" ");
    say_number((i64)rounds);
    say("\n");
  }
  atomic_store(&stop, true);
  pthread_join(thread, NULL);
  CHECK(atomic_load(&swaps) > 10, true);
  say("race done ");
  say_number((i64)atomic_load(&swaps));
  say("\n");
}
