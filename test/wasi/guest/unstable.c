/* unstable.c: what differs in the module wasi_unstable: whence of fd_seek, the filestat of 56 bytes, the subscription of 56
 * bytes. All other functions of that module are called once, so that each is there. The grant is an empty directory. */
#include "guest.h"

#ifdef __wasm__
#define U0(n) i32 u_##n(void) __attribute__((import_module("wasi_unstable"), import_name(#n)));
#define U(n, types, parameters, arguments) \
  i32 u_##n types __attribute__((import_module("wasi_unstable"), import_name(#n)));
#else
#define U0(n)                             \
  i32 wasi_unstable__##n(w2n_instance *); \
  static i32 u_##n(void) { return wasi_unstable__##n(CALLER); }
#define UNPAREN(...) __VA_ARGS__
#define U(n, types, parameters, arguments)               \
  i32 wasi_unstable__##n(w2n_instance *, UNPAREN types); \
  static i32 u_##n parameters { return wasi_unstable__##n(CALLER, UNPAREN arguments); }
#endif
#define U1(n, A) U(n, (A), (A a), (a))
#define U2(n, A, B) U(n, (A, B), (A a, B b), (a, b))
#define U3(n, A, B, C) U(n, (A, B, C), (A a, B b, C c), (a, b, c))
#define U4(n, A, B, C, D) U(n, (A, B, C, D), (A a, B b, C c, D d), (a, b, c, d))
#define U5(n, A, B, C, D, E) U(n, (A, B, C, D, E), (A a, B b, C c, D d, E e), (a, b, c, d, e))
#define U6(n, A, B, C, D, E, F) U(n, (A, B, C, D, E, F), (A a, B b, C c, D d, E e, F f), (a, b, c, d, e, f))
#define U7(n, A, B, C, D, E, F, G) \
  U(n, (A, B, C, D, E, F, G), (A a, B b, C c, D d, E e, F f, G g), (a, b, c, d, e, f, g))
#define U9(n, A, B, C, D, E, F, G, H, I)                                                                  \
  U(n, (A, B, C, D, E, F, G, H, I), (A a, B b, C c, D d, E e, F f, G g, H h, I i), (a, b, c, d, e, f, g, h, i))

U2(args_get, i32, i32)
U2(args_sizes_get, i32, i32)
U2(environ_get, i32, i32)
U2(environ_sizes_get, i32, i32)
U2(clock_res_get, i32, i32)
U3(clock_time_get, i32, i64, i32)
U4(fd_advise, i32, i64, i64, i32)
U3(fd_allocate, i32, i64, i64)
U1(fd_close, i32)
U1(fd_datasync, i32)
U2(fd_fdstat_get, i32, i32)
U2(fd_fdstat_set_flags, i32, i32)
U3(fd_fdstat_set_rights, i32, i64, i64)
U2(fd_filestat_get, i32, i32)
U2(fd_filestat_set_size, i32, i64)
U4(fd_filestat_set_times, i32, i64, i64, i32)
U5(fd_pread, i32, i32, i32, i64, i32)
U2(fd_prestat_get, i32, i32)
U3(fd_prestat_dir_name, i32, i32, i32)
U5(fd_pwrite, i32, i32, i32, i64, i32)
U4(fd_read, i32, i32, i32, i32)
U5(fd_readdir, i32, i32, i32, i64, i32)
U2(fd_renumber, i32, i32)
U4(fd_seek, i32, i64, i32, i32)
U1(fd_sync, i32)
U2(fd_tell, i32, i32)
U4(fd_write, i32, i32, i32, i32)
U3(path_create_directory, i32, i32, i32)
U5(path_filestat_get, i32, i32, i32, i32, i32)
U7(path_filestat_set_times, i32, i32, i32, i32, i64, i64, i32)
U7(path_link, i32, i32, i32, i32, i32, i32, i32)
U9(path_open, i32, i32, i32, i32, i32, i64, i64, i32, i32)
U6(path_readlink, i32, i32, i32, i32, i32, i32)
U3(path_remove_directory, i32, i32, i32)
U6(path_rename, i32, i32, i32, i32, i32, i32)
U5(path_symlink, i32, i32, i32, i32, i32)
U3(path_unlink_file, i32, i32, i32)
U4(poll_oneoff, i32, i32, i32, i32)
U1(proc_raise, i32)
U2(random_get, i32, i32)
U0(sched_yield)
U6(sock_recv, i32, i32, i32, i32, i32, i32)
U5(sock_send, i32, i32, i32, i32, i32)
U2(sock_shutdown, i32, i32)

enum { SUB = 56, EVENT = 32, SUBS = 2048, EVENTS = 4096 };

static i32 vector_of(uint32_t bytes) {
  store32(area + VECTOR, area + DATA);
  store32(area + VECTOR + 4, bytes);
  return (i32)(area + VECTOR);
}

static void seeking(i32 fd) {
  enum { CUR, END, SET };
  CHECK(u_fd_seek(fd, 3, SET, OUT), OK);
  CHECK(load64(area), 3);
  CHECK(u_fd_seek(fd, 2, CUR, OUT), OK);
  CHECK(load64(area), 5);
  CHECK(u_fd_seek(fd, -1, END, OUT), OK);
  CHECK(load64(area), 9);
  CHECK(u_fd_seek(fd, 0, 3, OUT), INVAL);
  CHECK(u_fd_seek(fd, 0, -1, OUT), INVAL);
  CHECK(u_fd_tell(fd, OUT), OK);
  CHECK(load64(area), 9);
}

/* 56 bytes: device, inode, type, links (32 bits), size, times. */
static void expect_filestat(i32 r, uint64_t inode) {
  CHECK(r, OK);
  CHECK(load64(area + 8), inode);
  CHECK(*at(area + 16), T_REGULAR);
  CHECK(load32(area + 20), 2);
  CHECK(load64(area + 24), 10);
  CHECK(load64(area + 32), 1000000001);
  CHECK(load64(area + 40), 2000000002);
  CHECK(load64(area + 48) > 2000000002, true);
  CHECK(*at(area + 56), 0xee); /* Nothing behind. */
}

static void polling(i32 fd) {
  uint32_t s = area + SUBS;
  CHECK(u_clock_time_get(1, 0, OUT), OK);
  uint64_t start = load64(area);
  memset(at(s), 0, 3 * SUB);
  /* A clock: userdata, type, identifier, clock id, timeout, precision, flags. */
  store64(s, 1);
  store64(s + 16, 0x7777);
  store32(s + 24, 1);
  store64(s + 32, 20000000);
  memset(at(area + EVENTS), 0xee, 4 * EVENT);
  CHECK(u_poll_oneoff((i32)s, (i32)(area + EVENTS), 1, OUT), OK);
  CHECK(load32(area), 1);
  CHECK(load64(area + EVENTS), 1);
  CHECK(*at(area + EVENTS + 8), OK);
  CHECK(*at(area + EVENTS + EVENT), 0xee);
  CHECK(u_clock_time_get(1, 0, OUT), OK);
  CHECK(load64(area) >= start + 20000000, true);
  store64(s + 32, start + 1);
  store64(s + 48, 1); /* absolute, and past */
  store64(s + SUB, 2);
  *at(s + SUB + 8) = 1;
  store32(s + SUB + 16, (uint32_t)fd);
  store64(s + 2 * SUB, 3);
  store32(s + 2 * SUB + 24, 1);
  store64(s + 2 * SUB + 32, 3600000000000);
  CHECK(u_fd_seek(fd, 4, 2, OUT), OK);
  CHECK(u_poll_oneoff((i32)s, (i32)(area + EVENTS), 3, OUT), OK);
  CHECK(load32(area), 2);
  CHECK(load64(area + EVENTS), 1);
  CHECK(load64(area + EVENTS + EVENT), 2);
  CHECK(*at(area + EVENTS + EVENT + 10), 1);
  CHECK(load64(area + EVENTS + EVENT + 16), 6); /* bytes to read */
  uint64_t end = guest_memory_bytes();
  CHECK(u_poll_oneoff((i32)(end - SUB + 1), (i32)(area + EVENTS), 1, OUT), FAULT);
  CHECK(u_poll_oneoff((i32)s, (i32)(area + EVENTS), (i32)0x80000000, OUT), FAULT);
  CHECK(u_poll_oneoff((i32)s, (i32)(end - EVENT + 1), 1, OUT), FAULT);
}

static void the_same(i32 fd) {
  CHECK(u_args_sizes_get(OUT, OUT + 4), OK);
  CHECK(u_args_get(OUT, OUT + 64), OK);
  CHECK(u_environ_sizes_get(OUT, OUT + 4), OK);
  CHECK(u_environ_get(OUT, OUT + 64), OK);
  CHECK(u_clock_res_get(1, OUT), OK);
  CHECK(u_fd_advise(fd, 0, 1, 0), OK);
  CHECK(u_fd_allocate(fd, 0, 5), OK);
  CHECK(u_fd_datasync(fd), OK);
  CHECK(u_fd_sync(fd), OK);
  CHECK(u_fd_fdstat_get(fd, OUT), OK);
  CHECK(*at(area), T_REGULAR);
  CHECK(u_fd_fdstat_set_flags(fd, APPEND), OK);
  CHECK(u_fd_fdstat_set_flags(fd, 0), OK);
  CHECK(u_fd_pwrite(fd, vector_of(1), 1, 0, OUT), OK);
  CHECK(u_fd_pread(fd, vector_of(1), 1, 0, OUT), OK);
  CHECK(u_fd_read(fd, vector_of(1), 1, OUT), OK);
  CHECK(u_fd_prestat_get(GRANT, OUT), OK);
  CHECK(u_fd_prestat_dir_name(GRANT, OUT, (i32)load32(area + 4)), OK);
  CHECK(u_fd_readdir(GRANT, (i32)(area + DATA), 1000, 0, OUT), OK);
  CHECK(u_path_create_directory(GRANT, PATH("d")), OK);
  CHECK(u_path_remove_directory(GRANT, PATH("d")), OK);
  CHECK(u_path_symlink(PATH2("file"), GRANT, PATH("link")), OK);
  CHECK(u_path_readlink(GRANT, PATH("link"), (i32)(area + DATA), 100, OUT), OK);
  CHECK(load32(area), 4);
  CHECK(u_path_rename(GRANT, PATH("link"), GRANT, PATH2("link2")), OK);
  CHECK(u_path_unlink_file(GRANT, PATH("link2")), OK);
  CHECK(u_proc_raise(0), OK);
  CHECK(u_random_get(OUT, 8), OK);
  CHECK(u_sched_yield(), OK);
  CHECK(u_sock_recv(fd, vector_of(1), 1, 0, OUT, OUT + 4), NOTSOCK);
  CHECK(u_sock_send(fd, vector_of(1), 1, 0, OUT), NOTSOCK);
  CHECK(u_sock_shutdown(fd, 1), NOTSOCK);
  CHECK(u_fd_fdstat_set_rights(fd, R_READ, 0), OK);
  CHECK(u_fd_filestat_set_size(fd, 0), NOTCAPABLE);
  CHECK(u_fd_renumber(fd, fd), OK);
  CHECK(u_fd_close(fd), OK);
  CHECK(u_fd_close(fd), BADF);
}

void scenario(void) {
  CHECK(u_path_open(GRANT, 0, PATH("file"), CREAT | EXCL, R_ALL, 0, 0, OUT), OK);
  i32 fd = (i32)load32(area);
  memcpy(at(area + DATA), "0123456789", 10);
  CHECK(u_fd_write(fd, vector_of(10), 1, OUT), OK);
  CHECK(u_fd_filestat_set_size(fd, 10), OK);
  CHECK(u_path_link(GRANT, 0, PATH("file"), GRANT, PATH2("other")), OK);
  CHECK(u_fd_filestat_set_times(fd, 7, 2000000002, 5), OK);
  CHECK(u_path_filestat_set_times(GRANT, 0, PATH("file"), 1000000001, 0, 1), OK);
  CHECK(fd_filestat_get(fd, OUT), OK);
  uint64_t inode = load64(area + 8);
  memset(at(area), 0xee, 64);
  expect_filestat(u_fd_filestat_get(fd, OUT), inode);
  memset(at(area), 0xee, 64);
  expect_filestat(u_path_filestat_get(GRANT, FOLLOW, PATH("other"), OUT), inode);
  i32 end = (i32)guest_memory_bytes();
  CHECK(u_fd_filestat_get(fd, end - 56), OK);
  CHECK(u_fd_filestat_get(fd, end - 55), FAULT);
  CHECK(u_path_filestat_get(GRANT, 0, PATH("file"), end - 56), OK);
  CHECK(u_path_filestat_get(GRANT, 0, PATH("file"), end - 55), FAULT);
  seeking(fd);
  polling(fd);
  the_same(fd);
  say("unstable done\n");
}
