/* wasi_unstable.c: the module wasi_unstable (snapshot 0). Its functions are those of wasi_snapshot_preview1 except that
 * - fd_seek numbers whence 0 CUR, 1 END, 2 SET,
 * - a filestat has a 32-bit link count: 56 bytes, the fields behind it 8 lower,
 * - a subscription is 56 bytes (wasi_poll.c),
 * - there is no sock_accept. */
#include "wasi_internal.h"

#define I w2n_instance *
#define SAME(name, parameters, arguments)                  \
  int32_t wasi_snapshot_preview1__##name parameters;       \
  int32_t wasi_unstable__##name parameters;                \
  int32_t wasi_unstable__##name parameters { return wasi_snapshot_preview1__##name arguments; }

typedef int32_t i32;
typedef int64_t i64;

SAME(args_get, (I c, i32 a, i32 b), (c, a, b))
SAME(args_sizes_get, (I c, i32 a, i32 b), (c, a, b))
SAME(environ_get, (I c, i32 a, i32 b), (c, a, b))
SAME(environ_sizes_get, (I c, i32 a, i32 b), (c, a, b))
SAME(clock_res_get, (I c, i32 a, i32 b), (c, a, b))
SAME(clock_time_get, (I c, i32 a, i64 b, i32 d), (c, a, b, d))
SAME(fd_advise, (I c, i32 a, i64 b, i64 d, i32 e), (c, a, b, d, e))
SAME(fd_allocate, (I c, i32 a, i64 b, i64 d), (c, a, b, d))
SAME(fd_close, (I c, i32 a), (c, a))
SAME(fd_datasync, (I c, i32 a), (c, a))
SAME(fd_fdstat_get, (I c, i32 a, i32 b), (c, a, b))
SAME(fd_fdstat_set_flags, (I c, i32 a, i32 b), (c, a, b))
SAME(fd_fdstat_set_rights, (I c, i32 a, i64 b, i64 d), (c, a, b, d))
SAME(fd_filestat_set_size, (I c, i32 a, i64 b), (c, a, b))
SAME(fd_filestat_set_times, (I c, i32 a, i64 b, i64 d, i32 e), (c, a, b, d, e))
SAME(fd_pread, (I c, i32 a, i32 b, i32 d, i64 e, i32 f), (c, a, b, d, e, f))
SAME(fd_prestat_get, (I c, i32 a, i32 b), (c, a, b))
SAME(fd_prestat_dir_name, (I c, i32 a, i32 b, i32 d), (c, a, b, d))
SAME(fd_pwrite, (I c, i32 a, i32 b, i32 d, i64 e, i32 f), (c, a, b, d, e, f))
SAME(fd_read, (I c, i32 a, i32 b, i32 d, i32 e), (c, a, b, d, e))
SAME(fd_readdir, (I c, i32 a, i32 b, i32 d, i64 e, i32 f), (c, a, b, d, e, f))
SAME(fd_renumber, (I c, i32 a, i32 b), (c, a, b))
SAME(fd_sync, (I c, i32 a), (c, a))
SAME(fd_tell, (I c, i32 a, i32 b), (c, a, b))
SAME(fd_write, (I c, i32 a, i32 b, i32 d, i32 e), (c, a, b, d, e))
SAME(path_create_directory, (I c, i32 a, i32 b, i32 d), (c, a, b, d))
SAME(path_filestat_set_times, (I c, i32 a, i32 b, i32 d, i32 e, i64 f, i64 g, i32 h), (c, a, b, d, e, f, g, h))
SAME(path_link, (I c, i32 a, i32 b, i32 d, i32 e, i32 f, i32 g, i32 h), (c, a, b, d, e, f, g, h))
SAME(path_open, (I c, i32 a, i32 b, i32 d, i32 e, i32 f, i64 g, i64 h, i32 i, i32 j), (c, a, b, d, e, f, g, h, i, j))
SAME(path_readlink, (I c, i32 a, i32 b, i32 d, i32 e, i32 f, i32 g), (c, a, b, d, e, f, g))
SAME(path_remove_directory, (I c, i32 a, i32 b, i32 d), (c, a, b, d))
SAME(path_rename, (I c, i32 a, i32 b, i32 d, i32 e, i32 f, i32 g), (c, a, b, d, e, f, g))
SAME(path_symlink, (I c, i32 a, i32 b, i32 d, i32 e, i32 f), (c, a, b, d, e, f))
SAME(path_unlink_file, (I c, i32 a, i32 b, i32 d), (c, a, b, d))
SAME(proc_raise, (I c, i32 a), (c, a))
SAME(random_get, (I c, i32 a, i32 b), (c, a, b))
SAME(sched_yield, (I c), (c))
SAME(sock_recv, (I c, i32 a, i32 b, i32 d, i32 e, i32 f, i32 g), (c, a, b, d, e, f, g))
SAME(sock_send, (I c, i32 a, i32 b, i32 d, i32 e, i32 f), (c, a, b, d, e, f))
SAME(sock_shutdown, (I c, i32 a, i32 b), (c, a, b))

void wasi_unstable__proc_exit(I c, i32 code);
void wasi_unstable__proc_exit(I c, i32 code) { w2n_exit(c, (uint32_t)code); }

i32 wasi_snapshot_preview1__fd_seek(I c, i32 fd, i64 delta, i32 whence, i32 position);
i32 wasi_unstable__fd_seek(I c, i32 fd, i64 delta, i32 whence, i32 position);
i32 wasi_unstable__fd_seek(I c, i32 fd, i64 delta, i32 whence, i32 position) {
  return (uint32_t)whence > 2 ? WASI_INVAL
                              : wasi_snapshot_preview1__fd_seek(c, fd, delta, (whence + 1) % 3, position);
}

/* From the 64 bytes of preview1 to the 56 of snapshot 0. */
static void narrow(const uint8_t *wide, uint8_t *out) {
  uint64_t links = wasi_load64(wide + 24);
  memcpy(out, wide, 24);
  wasi_store32(out + 20, links > UINT32_MAX ? UINT32_MAX : (uint32_t)links);
  memcpy(out + 24, wide + 32, 32);
}

i32 wasi_unstable__fd_filestat_get(I c, i32 fd, i32 result);
i32 wasi_unstable__fd_filestat_get(I c, i32 fd, i32 result) {
  wasi_memory m = wasi_memory_of(c);
  uint8_t *out = wasi_at(&m, result, 56), wide[64];
  i32 r = out == NULL ? WASI_FAULT : wasi_fd_filestat(wasi_context(c), fd, wide);
  if (r == WASI_OK) narrow(wide, out);
  return r;
}

i32 wasi_unstable__path_filestat_get(I c, i32 fd, i32 lookup, i32 path, i32 bytes, i32 result);
i32 wasi_unstable__path_filestat_get(I c, i32 fd, i32 lookup, i32 path, i32 bytes, i32 result) {
  wasi_memory m = wasi_memory_of(c);
  uint8_t *out = wasi_at(&m, result, 56), wide[64];
  i32 r = out == NULL ? WASI_FAULT : wasi_path_filestat(c, fd, lookup, path, bytes, wide);
  if (r == WASI_OK) narrow(wide, out);
  return r;
}
