/* wasi_fd.c: what is known of a descriptor, its flags, rights, times, size; closing and renumbering. */
#include "wasi_internal.h"

void wasi_put_filestat(uint8_t *out, const struct stat *st, uint8_t type) {
#ifdef __APPLE__
  struct timespec a = st->st_atimespec, m = st->st_mtimespec, c = st->st_ctimespec;
#else
  struct timespec a = st->st_atim, m = st->st_mtim, c = st->st_ctim;
#endif
  memset(out, 0, 64);
  wasi_store64(out, (uint64_t)st->st_dev);
  wasi_store64(out + 8, (uint64_t)st->st_ino);
  out[16] = type;
  wasi_store64(out + 24, (uint64_t)st->st_nlink);
  wasi_store64(out + 32, (uint64_t)st->st_size);
  wasi_store64(out + 40, wasi_ns(a));
  wasi_store64(out + 48, wasi_ns(m));
  wasi_store64(out + 56, wasi_ns(c));
}

int32_t wasi_fd_filestat(w2n_wasi *c, int32_t fd, uint8_t out[64]) {
  wasi_entry *e;
  struct stat st;
  int32_t r = wasi_get(c, fd, WASI_R_FILESTAT_GET, &e);
  if (r != WASI_OK) return r;
  if (fstat(e->host, &st) != 0) return wasi_errno(errno);
  wasi_put_filestat(out, &st, e->type);
  return WASI_OK;
}

int32_t wasi_snapshot_preview1__fd_filestat_get(w2n_instance *caller, int32_t fd, int32_t result) {
  wasi_memory m = wasi_memory_of(caller);
  uint8_t *out = wasi_at(&m, result, 64);
  return out == NULL ? WASI_FAULT : wasi_fd_filestat(wasi_context(caller), fd, out);
}

int32_t wasi_snapshot_preview1__fd_fdstat_get(w2n_instance *caller, int32_t fd, int32_t result) {
  wasi_memory m = wasi_memory_of(caller);
  uint8_t *out = wasi_at(&m, result, 24);
  wasi_entry *e;
  int32_t r = wasi_get(wasi_context(caller), fd, 0, &e);
  if (r != WASI_OK) return r;
  if (out == NULL) return WASI_FAULT;
  memset(out, 0, 24);
  out[0] = e->type;
  wasi_store16(out + 2, e->flags);
  wasi_store64(out + 8, e->base);
  wasi_store64(out + 16, e->inheriting);
  return WASI_OK;
}

int32_t wasi_snapshot_preview1__fd_fdstat_set_flags(w2n_instance *caller, int32_t fd, int32_t flags) {
  wasi_entry *e;
  if (flags & ~WASI_FDFLAGS) return WASI_INVAL;
  int32_t r = wasi_get(wasi_context(caller), fd, WASI_R_FDSTAT_SET_FLAGS, &e);
  if (r != WASI_OK) return r;
  int changed = flags ^ e->flags;
  /* No kernel changes the syncing of an open file, and the mode of a shared description is not the guest's. */
  if (changed & (WASI_DSYNC | WASI_RSYNC | WASI_SYNC)) return WASI_NOTSUP;
  if (changed & WASI_APPEND) {
    if (e->bits & WASI_SHARED) return WASI_NOTSUP;
    int host = fcntl(e->host, F_GETFL);
    if (host < 0 || fcntl(e->host, F_SETFL, flags & WASI_APPEND ? host | O_APPEND : host & ~O_APPEND) != 0)
      return wasi_errno(errno);
  }
  e->flags = (uint8_t)flags;
  return WASI_OK;
}

int32_t wasi_snapshot_preview1__fd_fdstat_set_rights(w2n_instance *caller, int32_t fd, int64_t base,
                                                     int64_t inheriting) {
  wasi_entry *e;
  int32_t r = wasi_get(wasi_context(caller), fd, 0, &e);
  if (r != WASI_OK) return r;
  if ((uint64_t)base & ~e->base || (uint64_t)inheriting & ~e->inheriting) return WASI_NOTCAPABLE;
  e->base = (uint64_t)base;
  e->inheriting = (uint64_t)inheriting;
  return WASI_OK;
}

/* The time specifications of set_times. Flags: 1 atim, 2 atim now, 4 mtim, 8 mtim now. */
int32_t wasi_times(w2n_wasi *c, int64_t atim, int64_t mtim, int32_t flags, struct timespec out[2]) {
  if (flags & ~15 || (flags & 3) == 3 || (flags & 12) == 12) return WASI_INVAL;
  uint64_t value[2] = {(uint64_t)atim, (uint64_t)mtim}, now = 0;
  if (c->fixed_clock && flags & 10) wasi_clock_now(c, 0, &now);
  for (int i = 0; i < 2; i++) {
    int f = flags >> (2 * i) & 3;
    bool is_now = f == 2;
    if (is_now && c->fixed_clock) {
      value[i] = now;
      f = 1;
    }
    out[i].tv_sec = f == 1 ? (time_t)(value[i] / 1000000000u) : 0;
    out[i].tv_nsec = f == 1 ? (long)(value[i] % 1000000000u) : is_now ? UTIME_NOW : UTIME_OMIT;
  }
  return WASI_OK;
}

int32_t wasi_snapshot_preview1__fd_filestat_set_times(w2n_instance *caller, int32_t fd, int64_t atim, int64_t mtim,
                                                      int32_t flags) {
  w2n_wasi *c = wasi_context(caller);
  wasi_entry *e;
  struct timespec times[2];
  int32_t r = wasi_get(c, fd, WASI_R_FILESTAT_SET_TIMES, &e);
  if (r == WASI_OK) r = wasi_times(c, atim, mtim, flags, times);
  if (r != WASI_OK) return r;
  return futimens(e->host, times) == 0 ? WASI_OK : wasi_errno(errno);
}

int32_t wasi_snapshot_preview1__fd_filestat_set_size(w2n_instance *caller, int32_t fd, int64_t size) {
  wasi_entry *e;
  int32_t r = wasi_get(wasi_context(caller), fd, WASI_R_FILESTAT_SET_SIZE, &e);
  if (r != WASI_OK) return r;
  if (size < 0) return WASI_INVAL;
  int h;
  do h = ftruncate(e->host, size);
  while (h != 0 && errno == EINTR);
  return h == 0 ? WASI_OK : wasi_errno(errno);
}

/* Makes room for `bytes` bytes from `offset`, the file grows to hold them; 0 or an errno. */
static int allocate(int host, int64_t offset, int64_t bytes) {
#if defined(__linux__)
  return fallocate(host, 0, offset, bytes) == 0 ? 0 : errno;
#elif defined(__APPLE__)
  struct stat st;
  if (offset > INT64_MAX - bytes) return EFBIG;
  if (fstat(host, &st) != 0) return errno;
  if (offset + bytes <= st.st_size) return 0;
  /* Only what lies behind the end can be asked for, and not every file system knows how. */
  fstore_t room = {.fst_flags = F_ALLOCATEALL, .fst_posmode = F_PEOFPOSMODE, .fst_length = offset + bytes - st.st_size};
  if (fcntl(host, F_PREALLOCATE, &room) != 0 && errno != ENOTSUP) return errno;
  return ftruncate(host, offset + bytes) == 0 ? 0 : errno;
#else
  return posix_fallocate(host, offset, bytes);
#endif
}

int32_t wasi_snapshot_preview1__fd_allocate(w2n_instance *caller, int32_t fd, int64_t offset, int64_t bytes) {
  wasi_entry *e;
  int32_t r = wasi_get(wasi_context(caller), fd, WASI_R_ALLOCATE, &e);
  if (r != WASI_OK) return r;
  if (offset < 0 || bytes <= 0) return WASI_INVAL;
  int h;
  do h = allocate(e->host, offset, bytes);
  while (h == EINTR);
  return wasi_errno(h);
}

int32_t wasi_snapshot_preview1__fd_advise(w2n_instance *caller, int32_t fd, int64_t offset, int64_t bytes,
                                          int32_t advice) {
  wasi_entry *e;
  int32_t r = wasi_get(wasi_context(caller), fd, WASI_R_ADVISE, &e);
  if (r != WASI_OK) return r;
  if ((uint32_t)advice > 5 || offset < 0 || bytes < 0) return WASI_INVAL;
#ifdef __linux__
  static const int host[6] = {POSIX_FADV_NORMAL,   POSIX_FADV_SEQUENTIAL, POSIX_FADV_RANDOM,
                              POSIX_FADV_WILLNEED, POSIX_FADV_DONTNEED,   POSIX_FADV_NOREUSE};
  return wasi_errno(posix_fadvise(e->host, offset, bytes, host[advice]));
#else
  return WASI_OK; /* Advice may be ignored. */
#endif
}

static int32_t sync_file(w2n_instance *caller, int32_t fd, uint64_t right, int (*sync)(int)) {
  wasi_entry *e;
  int32_t r = wasi_get(wasi_context(caller), fd, right, &e);
  if (r != WASI_OK) return r;
  int h;
  do h = sync(e->host);
  while (h != 0 && errno == EINTR);
  return h == 0 ? WASI_OK : wasi_errno(errno);
}

int32_t wasi_snapshot_preview1__fd_sync(w2n_instance *caller, int32_t fd) {
  return sync_file(caller, fd, WASI_R_SYNC, fsync);
}

int32_t wasi_snapshot_preview1__fd_datasync(w2n_instance *caller, int32_t fd) {
#ifdef __APPLE__
  return sync_file(caller, fd, WASI_R_DATASYNC, fsync);
#else
  return sync_file(caller, fd, WASI_R_DATASYNC, fdatasync);
#endif
}

int32_t wasi_snapshot_preview1__fd_close(w2n_instance *caller, int32_t fd) {
  w2n_wasi *c = wasi_context(caller);
  wasi_entry *e;
  int32_t r = wasi_get(c, fd, 0, &e);
  if (r != WASI_OK) return r;
  wasi_close_entry(c, e);
  return WASI_OK;
}

int32_t wasi_snapshot_preview1__fd_renumber(w2n_instance *caller, int32_t from, int32_t to) {
  w2n_wasi *c = wasi_context(caller);
  wasi_entry *source, *target;
  int32_t r = wasi_get(c, from, 0, &source);
  if (r == WASI_OK) r = wasi_get(c, to, 0, &target);
  if (r != WASI_OK || source == target) return r;
  wasi_close_entry(c, target);
  *target = *source;
  *source = (wasi_entry){.host = -1};
  return WASI_OK;
}

int32_t wasi_snapshot_preview1__fd_prestat_get(w2n_instance *caller, int32_t fd, int32_t result) {
  wasi_memory m = wasi_memory_of(caller);
  uint8_t *out = wasi_at(&m, result, 8);
  wasi_entry *e;
  int32_t r = wasi_get(wasi_context(caller), fd, 0, &e);
  if (r != WASI_OK) return r;
  if (e->preopen == NULL) return WASI_BADF;
  if (out == NULL) return WASI_FAULT;
  wasi_store32(out, 0); /* Kind: directory. */
  wasi_store32(out + 4, (uint32_t)strlen(e->preopen));
  return WASI_OK;
}

int32_t wasi_snapshot_preview1__fd_prestat_dir_name(w2n_instance *caller, int32_t fd, int32_t path, int32_t bytes) {
  wasi_memory m = wasi_memory_of(caller);
  wasi_entry *e;
  int32_t r = wasi_get(wasi_context(caller), fd, 0, &e);
  if (r != WASI_OK) return r;
  if (e->preopen == NULL) return WASI_BADF;
  size_t length = strlen(e->preopen);
  if (length > (uint32_t)bytes) return WASI_NAMETOOLONG;
  uint8_t *out = wasi_at(&m, path, (uint32_t)bytes);
  if (out == NULL) return WASI_FAULT;
  memcpy(out, e->preopen, length);
  return WASI_OK;
}
