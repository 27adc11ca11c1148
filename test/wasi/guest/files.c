/* files.c: what C, Rust and Go programs do with files, times, directories, arguments, clocks. The grant is an empty
 * directory. */
#include "guest.h"

static void arguments(void) {
  CHECK(args_sizes_get(OUT, OUT + 4), OK);
  CHECK(load32(area), 3);
  CHECK(load32(area + 4), sizeof "guest" + sizeof "one" + sizeof "");
  CHECK(args_get(OUT, OUT + 64), OK);
  CHECK(load32(area), area + 64);
  CHECK(strcmp((char *)at(load32(area)), "guest"), 0);
  CHECK(strcmp((char *)at(load32(area + 4)), "one"), 0);
  CHECK(strcmp((char *)at(load32(area + 8)), ""), 0);
  CHECK(environ_sizes_get(OUT, OUT + 4), OK);
  CHECK(load32(area), 2);
  CHECK(environ_get(OUT, OUT + 64), OK);
  CHECK(strcmp((char *)at(load32(area)), "B=x=y"), 0);
  CHECK(strcmp((char *)at(load32(area + 4)), "A=2"), 0); /* The later A replaced the earlier one. */
}

static void clocks(void) {
  uint64_t last = 0;
  for (i32 id = 0; id < 4; id++) {
    CHECK(clock_res_get(id, OUT), OK);
    CHECK(load64(area) > 0, true);
    CHECK(clock_time_get(id, 0, OUT), OK);
  }
  for (int i = 0; i < 100; i++) {
    CHECK(clock_time_get(1, 0, OUT), OK);
    CHECK(load64(area) >= last, true);
    last = load64(area);
  }
  CHECK(clock_time_get(4, 0, OUT), INVAL);
  CHECK(clock_res_get(-1, OUT), INVAL);
}

static void random_bytes(void) {
  memset(at(area + DATA), 0, 4096);
  CHECK(random_get((i32)(area + DATA), 4096), OK);
  uint32_t seen = 0;
  for (uint32_t i = 0; i < 4096; i++) seen += *at(area + DATA + i) != 0;
  CHECK(seen > 3500, true);
  CHECK(random_get((i32)(area + DATA), 0), OK);
}

static void reading_and_writing(void) {
  i32 fd;
  uint32_t done;
  CHECK(open_at(GRANT, 0, "file", CREAT | EXCL, R_RW, 0, &fd), OK);
  CHECK(fd, 4);
  CHECK(write_text(fd, "hello, world", &done), OK);
  CHECK(done, 12);
  CHECK(fd_seek(fd, 7, 0, OUT), OK);
  CHECK(load64(area), 7);
  CHECK(read_text(fd, 100, &done), OK);
  CHECK(done, 5);
  CHECK(memcmp(at(area + DATA), "world", 5), 0);
  CHECK(read_text(fd, 100, &done), OK);
  CHECK(done, 0);
  CHECK(fd_tell(fd, OUT), OK);
  CHECK(load64(area), 12);
  CHECK(fd_seek(fd, -2, 2, OUT), OK);
  CHECK(load64(area), 10);
  CHECK(fd_seek(fd, -11, 1, OUT), INVAL);
  CHECK(fd_seek(fd, 0, 3, OUT), INVAL);

  /* More vectors than one host call takes, some empty. */
  uint32_t expected = 0;
  for (uint32_t i = 0; i < 100; i++) {
    uint32_t n = i % 3;
    *at(area + DATA + 2 * i) = (uint8_t)i;
    *at(area + DATA + 2 * i + 1) = (uint8_t)(i + 100);
    store32(area + VECTOR + 8 * i, area + DATA + 2 * i);
    store32(area + VECTOR + 8 * i + 4, n);
    expected += n;
  }
  CHECK(fd_pwrite(fd, (i32)(area + VECTOR), 100, 1000, OUT), OK);
  CHECK(load32(area), expected);
  memset(at(area + DATA), 0, 300);
  CHECK(fd_pread(fd, (i32)(area + VECTOR), 100, 1000, OUT), OK);
  CHECK(load32(area), expected);
  for (uint32_t i = 0; i < 100; i++) {
    CHECK(*at(area + DATA + 2 * i), i % 3 >= 1 ? i : 0);
    CHECK(*at(area + DATA + 2 * i + 1), i % 3 == 2 ? i + 100 : 0);
  }
  CHECK(fd_tell(fd, OUT), OK);
  CHECK(load64(area), 10);
  CHECK(fd_filestat_get(fd, OUT), OK);
  CHECK(load64(area + 32), 1000 + expected);
  CHECK(*at(area + 16), T_REGULAR);
  CHECK(load64(area + 24), 1);
  CHECK(fd_filestat_set_size(fd, 3), OK);
  CHECK(fd_filestat_set_size(fd, -1), INVAL);
  CHECK(fd_allocate(fd, 0, 100), NOTCAPABLE);
  CHECK(fd_pread(fd, (i32)(area + VECTOR), 1, -1, OUT), INVAL);
  CHECK(fd_sync(fd), NOTCAPABLE);
  CHECK(fd_close(fd), OK);
  CHECK(fd_close(fd), BADF);
  CHECK(stat_path(0, "file"), OK);
  CHECK(load64(area + 32), 3);
}

static void flags(void) {
  i32 fd;
  uint32_t done;
  CHECK(make_file("flags", "0123456789"), OK);
  CHECK(open_at(GRANT, 0, "flags", 0, R_RW, APPEND, &fd), OK);
  CHECK(fd_fdstat_get(fd, OUT), OK);
  CHECK(*at(area + 2), APPEND);
  CHECK(*at(area), T_REGULAR);
  CHECK(load64(area + 8), R_RW);
  CHECK(write_text(fd, "ab", &done), OK);
  CHECK(fd_filestat_get(fd, OUT), OK);
  CHECK(load64(area + 32), 12);
  CHECK(fd_fdstat_set_flags(fd, 0), OK);
  CHECK(fd_seek(fd, 0, 0, OUT), OK);
  CHECK(write_text(fd, "ab", &done), OK);
  CHECK(fd_filestat_get(fd, OUT), OK);
  CHECK(load64(area + 32), 12);
  CHECK(fd_fdstat_set_flags(fd, 32), INVAL);
  CHECK(fd_fdstat_set_flags(fd, 16), NOTSUP);
  CHECK(fd_fdstat_set_rights(fd, R_READ, 0), OK);
  CHECK(write_text(fd, "ab", &done), NOTCAPABLE);
  CHECK(fd_fdstat_set_rights(fd, R_READ | R_WRITE, 0), NOTCAPABLE);
  CHECK(fd_close(fd), OK);
  /* Without the right to write nothing is truncated through the directory's lack of it, and never by reading. */
  CHECK(open_at(GRANT, 0, "flags", 0, R_READ, 0, &fd), OK);
  CHECK(fd_filestat_set_size(fd, 0), NOTCAPABLE);
  CHECK(write_text(fd, "ab", &done), NOTCAPABLE);
  CHECK(fd_close(fd), OK);
  CHECK(open_at(GRANT, 0, "flags", TRUNC, R_READ, 0, &fd), OK);
  CHECK(fd_filestat_set_size(fd, 5), NOTCAPABLE);
  CHECK(write_text(fd, "ab", &done), NOTCAPABLE);
  CHECK(fd_close(fd), OK);
  CHECK(stat_path(0, "flags"), OK);
  CHECK(load64(area + 32), 0);
}

static void truncation_right(void) {
  i32 dir, fd;
  CHECK(make_file("kept", "content"), OK);
  CHECK(path_open(GRANT, 0, PATH("."), DIRECTORY, R_ALL & ~R_RW & ~R_PATH_SET_SIZE & ~R_ALLOCATE, R_ALL, 0, OUT), OK);
  dir = (i32)load32(area);
  CHECK(open_at(dir, 0, "kept", TRUNC, R_READ, 0, &fd), NOTCAPABLE);
  CHECK(open_at(dir, 0, "kept", TRUNC, R_READ | R_WRITE, 0, &fd), NOTCAPABLE);
  CHECK(open_at(dir, 0, "kept", 0, R_READ | R_WRITE, 0, &fd), OK);
  CHECK(fd_close(fd), OK);
  /* A directory gives no more than it inherits. */
  CHECK(fd_fdstat_set_rights(dir, R_ALL & ~R_RW & ~R_PATH_SET_SIZE & ~R_ALLOCATE & 0x7fffe00, R_READ), OK);
  CHECK(open_at(dir, 0, "kept", 0, R_READ | R_WRITE, 0, &fd), NOTCAPABLE);
  CHECK(open_at(dir, 0, "kept", 0, R_READ, 0, &fd), OK);
  CHECK(fd_close(fd), OK);
  CHECK(path_open(dir, 0, PATH("kept"), 0, R_READ, R_WRITE, 0, OUT), NOTCAPABLE);
  CHECK(fd_close(dir), OK);
  CHECK(stat_path(0, "kept"), OK);
  CHECK(load64(area + 32), 7);
}

static void times(void) {
  i32 fd;
  uint64_t before;
  CHECK(make_file("times", "x"), OK);
  CHECK(open_at(GRANT, 0, "times", 0, R_RW, 0, &fd), OK);
  CHECK(fd_filestat_set_times(fd, 1000000001, 2000000002, 5), OK);
  CHECK(stat_path(0, "times"), OK);
  CHECK(load64(area + 40), 1000000001);
  CHECK(load64(area + 48), 2000000002);
  CHECK(path_filestat_set_times(GRANT, 0, PATH("times"), 7, 3000000003, 4), OK);
  CHECK(stat_path(0, "times"), OK);
  CHECK(load64(area + 40), 1000000001);
  CHECK(load64(area + 48), 3000000003);
  CHECK(clock_time_get(0, 0, OUT), OK);
  before = load64(area);
  CHECK(path_filestat_set_times(GRANT, 0, PATH("times"), 7, 7, 10), OK);
  CHECK(stat_path(0, "times"), OK);
  CHECK(load64(area + 48) + 1000000000 > before, true);
  CHECK(fd_filestat_set_times(fd, 0, 0, 3), INVAL);
  CHECK(fd_filestat_set_times(fd, 0, 0, 12), INVAL);
  CHECK(fd_filestat_set_times(fd, 0, 0, 16), INVAL);
  /* On a link itself, and on what it leads to. */
  CHECK(path_symlink(PATH2("times"), GRANT, PATH("times_link")), OK);
  CHECK(path_filestat_set_times(GRANT, 0, PATH("times_link"), 0, 5000000000, 4), OK);
  CHECK(path_filestat_set_times(GRANT, FOLLOW, PATH("times_link"), 0, 6000000000, 4), OK);
  CHECK(stat_path(0, "times_link"), OK);
  CHECK(*at(area + 16), T_SYMLINK);
  CHECK(load64(area + 48), 5000000000);
  CHECK(stat_path(FOLLOW, "times_link"), OK);
  CHECK(*at(area + 16), T_REGULAR);
  CHECK(load64(area + 48), 6000000000);
  CHECK(fd_close(fd), OK);
}

static void prestat(void) {
  CHECK(fd_prestat_get(GRANT, OUT), OK);
  CHECK(load32(area), 0);
  CHECK(load32(area + 4), 5);
  CHECK(fd_prestat_dir_name(GRANT, OUT, 4), NAMETOOLONG);
  memset(at(area), '#', 8);
  CHECK(fd_prestat_dir_name(GRANT, OUT, 6), OK);
  CHECK(memcmp(at(area), "/data##", 7), 0);
  CHECK(fd_prestat_get(GRANT + 1, OUT), BADF);
  CHECK(fd_prestat_get(0, OUT), BADF);
  CHECK(fd_fdstat_get(GRANT, OUT), OK);
  CHECK(*at(area), T_DIRECTORY);
  CHECK(load64(area + 8) & (uint64_t)(R_READ | R_WRITE | R_SEEK | R_SET_SIZE), 0);
}

static void directory_as_file(void) {
  i32 fd;
  uint32_t done;
  CHECK(read_text(GRANT, 10, &done), ISDIR);
  CHECK(write_text(GRANT, "x", &done), ISDIR);
  CHECK(fd_seek(GRANT, 0, 0, OUT), ISDIR);
  CHECK(fd_tell(GRANT, OUT), ISDIR);
  CHECK(fd_filestat_set_size(GRANT, 0), ISDIR);
  CHECK(fd_allocate(GRANT, 0, 1), ISDIR);
  CHECK(open_at(GRANT, 0, ".", DIRECTORY, R_READ | R_WRITE, 0, &fd), ISDIR);
  CHECK(open_at(GRANT, 0, ".", DIRECTORY, R_READ | R_SEEK, 0, &fd), OK);
  CHECK(fd_fdstat_get(fd, OUT), OK);
  CHECK(load64(area + 8), 0);
  CHECK(fd_close(fd), OK);
  CHECK(make_file("plain", ""), OK);
  CHECK(open_at(GRANT, 0, "plain", 0, R_READ, 0, &fd), OK);
  i32 under;
  CHECK(open_at(fd, 0, "x", 0, R_READ, 0, &under), NOTDIR);
  CHECK(fd_readdir(fd, OUT, 100, 0, OUT), NOTDIR);
  CHECK(sock_shutdown(fd, 1), NOTSOCK);
  CHECK(sock_accept(fd, 0, OUT), NOTSOCK);
  CHECK(fd_close(fd), OK);
}

static void renumbering(void) {
  i32 a, b;
  uint32_t done;
  CHECK(make_file("ra", "A"), OK);
  CHECK(make_file("rb", "B"), OK);
  CHECK(open_at(GRANT, 0, "ra", 0, R_RW, 0, &a), OK);
  CHECK(open_at(GRANT, 0, "rb", 0, R_RW, 0, &b), OK);
  CHECK(fd_renumber(a, a), OK);
  CHECK(read_text(a, 1, &done), OK);
  CHECK(*at(area + DATA), 'A');
  CHECK(fd_renumber(a, b), OK);
  CHECK(fd_close(a), BADF);
  CHECK(fd_seek(b, 0, 0, OUT), OK);
  CHECK(read_text(b, 1, &done), OK);
  CHECK(*at(area + DATA), 'A');
  CHECK(fd_renumber(b, a), BADF);
  CHECK(fd_renumber(a, b), BADF);
  CHECK(fd_renumber(b, -1), BADF);
  CHECK(fd_renumber(b, 0x7fffffff), BADF);
  /* The lowest number is free again. */
  CHECK(open_at(GRANT, 0, "rb", 0, R_RW, 0, &b), OK);
  CHECK(b, a);
  CHECK(fd_close(b), OK);
  CHECK(fd_close(a + 1), OK);
  /* Onto a grant: the grant is gone, and what was moved is no grant. */
  CHECK(path_open(GRANT, 0, PATH("."), DIRECTORY, R_ALL & 0x7fffe00, R_ALL, 0, OUT), OK);
  a = (i32)load32(area);
  CHECK(fd_renumber(a, GRANT), OK);
  CHECK(fd_prestat_get(GRANT, OUT), BADF);
  CHECK(stat_path(0, "ra"), OK);
  /* Onto itself, from a directory onto a file, and onto a standard stream and back: what was there is closed. */
  CHECK(fd_renumber(GRANT, GRANT), OK);
  CHECK(stat_path(0, "ra"), OK);
  CHECK(open_at(GRANT, 0, "rb", 0, R_RW, 0, &b), OK);
  CHECK(fd_renumber(GRANT, b), OK);
  CHECK(path_filestat_get(b, 0, PATH("ra"), OUT), OK);
  CHECK(stat_path(0, "ra"), BADF);
  CHECK(fd_renumber(b, GRANT), BADF);
  CHECK(path_open(b, 0, PATH("rb"), 0, R_RW, 0, 0, OUT), OK);
  a = (i32)load32(area);
  CHECK(a, GRANT);
  CHECK(fd_renumber(a, 0), OK);
  CHECK(read_text(0, 1, &done), OK);
  CHECK(*at(area + DATA), 'B');
  CHECK(fd_renumber(0, b), OK);
  CHECK(read_text(0, 1, &done), BADF);
  CHECK(fd_seek(b, 0, 0, OUT), OK);
}

static void streams(void) {
  CHECK(fd_fdstat_get(1, OUT), OK);
  CHECK(load64(area + 8) & (uint64_t)R_WRITE, R_WRITE);
  CHECK(load64(area + 8) & (uint64_t)R_READ, 0);
  CHECK(fd_fdstat_get(0, OUT), OK);
  CHECK(load64(area + 8) & (uint64_t)R_WRITE, 0);
  i32 fd;
  CHECK(open_at(1, 0, "x", CREAT, R_RW, 0, &fd), NOTDIR);
  CHECK(sched_yield_(), OK);
  CHECK(proc_raise(0), OK);
  CHECK(proc_raise(31), INVAL);
}

void scenario(void) {
  arguments();
  clocks();
  random_bytes();
  streams();
  prestat();
  reading_and_writing();
  flags();
  truncation_right();
  times();
  directory_as_file();
  renumbering();
  say("files done\n");
}
