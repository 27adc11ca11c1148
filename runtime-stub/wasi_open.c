/* wasi_open.c: path_open.
 *
 * A file is opened without blocking, without becoming a controlling terminal and without truncation, then looked at,
 * and only then used: device nodes and procfs are refused unless allowed. The host descriptor stays non-blocking;
 * wasi_io.c does the blocking. Rights that do not apply to the type of file are dropped from the result. */
#include "wasi_internal.h"

#ifndef O_RSYNC
#define O_RSYNC O_SYNC
#endif

/* Opens, as often as it takes: a pipe without a reader refuses a writer that does not block, where the guest would
 * wait for one. */
static int32_t open_file(w2n_wasi *c, wasi_entry *e, const char *path, int flags, bool follow, bool wait, int *fd) {
  for (;;) {
    int32_t r = wasi_open_beneath(c, e, path, flags, 0666, follow, fd);
    if (r != WASI_NXIO || !wait || (flags & O_ACCMODE) != O_WRONLY) return r;
    wasi_place p;
    struct stat st;
    int32_t found = wasi_resolve(c, e, path, follow ? WASI_ALWAYS : WASI_NEVER, &p);
    if (found != WASI_OK) return found;
    int32_t looked = fstatat(p.dir, p.name, &st, AT_SYMLINK_NOFOLLOW) == 0 ? WASI_OK : wasi_errno(errno);
    wasi_release(&p);
    if (looked != WASI_OK) return looked;
    if (!S_ISFIFO(st.st_mode)) return r;
    nanosleep(&(struct timespec){0, 2000000}, NULL);
  }
}

/* Judges the opened file and fills in the entry. */
static int32_t inspect(w2n_wasi *c, wasi_entry *e, int fd, bool writable, wasi_entry *file) {
  struct stat st;
  if (fstat(fd, &st) != 0) return wasi_errno(errno);
  uint64_t applicable = WASI_R_STREAM;
  file->type = wasi_filetype(st.st_mode);
  if (S_ISDIR(st.st_mode)) applicable = WASI_R_DIRECTORY;
  else if (S_ISREG(st.st_mode)) applicable = WASI_R_FILE;
  else if (S_ISFIFO(st.st_mode)) file->bits |= WASI_FIFO;
  else if (!c->allow_devices) return WASI_NOTCAPABLE;
  if (S_ISBLK(st.st_mode)) applicable = WASI_R_FILE;
  if (S_ISCHR(st.st_mode)) applicable |= wasi_device_rights(fd);
  int32_t r = wasi_check_device(c, e, fd, st.st_dev);
  if (r != WASI_OK) return r;
  if (!writable) applicable &= ~(WASI_R_WRITE | WASI_R_ALLOCATE | WASI_R_FILESTAT_SET_SIZE);
  file->base &= applicable;
  file->dev = st.st_dev;
  file->bits |= WASI_DEV_KNOWN;
  return WASI_OK;
}

int32_t wasi_snapshot_preview1__path_open(w2n_instance *caller, int32_t fd, int32_t lookup, int32_t path, int32_t bytes,
                                          int32_t oflags, int64_t base, int64_t inheriting, int32_t fdflags,
                                          int32_t result) {
  w2n_wasi *c = wasi_context(caller);
  wasi_memory m = wasi_memory_of(caller);
  uint8_t *out = wasi_at(&m, result, 4);
  char text[WASI_PATH_MAX];
  wasi_entry *e;
  if (lookup & ~WASI_SYMLINK_FOLLOW || oflags & ~WASI_OFLAGS || fdflags & ~WASI_FDFLAGS) return WASI_INVAL;

  uint64_t needed = WASI_R_OPEN;
  if (oflags & WASI_O_CREAT) needed |= WASI_R_CREATE_FILE;
  if (oflags & WASI_O_TRUNC) needed |= WASI_R_PATH_FILESTAT_SET_SIZE;
  int32_t r = wasi_get(c, fd, needed, &e);
  if (r != WASI_OK) return r;
  /* Bits that are no rights grant nothing, and some libraries set all of them. */
  wasi_entry file = {.base = (uint64_t)base & WASI_R_ALL, .inheriting = (uint64_t)inheriting & WASI_R_ALL};
  uint64_t wanted = file.base | file.inheriting;
  if (fdflags & WASI_DSYNC) wanted |= WASI_R_DATASYNC;
  if (fdflags & (WASI_SYNC | WASI_RSYNC)) wanted |= WASI_R_SYNC;
  if (wanted & ~e->inheriting) return WASI_NOTCAPABLE;
  if ((r = wasi_copy_path(&m, path, bytes, text)) != WASI_OK) return r;
  if (out == NULL) return WASI_FAULT;
  if ((oflags & (WASI_O_CREAT | WASI_O_DIRECTORY)) == (WASI_O_CREAT | WASI_O_DIRECTORY)) return WASI_INVAL;

  /* Truncating needs a descriptor that may write, whatever the guest may do with it later. */
  bool trunc = oflags & WASI_O_TRUNC, read = file.base & WASI_R_READ, write = file.base & WASI_R_WRITE;
  int flags = O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
  flags |= write || trunc ? read || !write ? O_RDWR : O_WRONLY : O_RDONLY;
  if (oflags & WASI_O_CREAT) flags |= O_CREAT | (oflags & WASI_O_EXCL ? O_EXCL : 0);
  if (oflags & WASI_O_DIRECTORY) flags |= O_DIRECTORY;
  if (fdflags & WASI_APPEND) flags |= O_APPEND;
  if (fdflags & WASI_DSYNC) flags |= O_DSYNC;
  if (fdflags & WASI_SYNC) flags |= O_SYNC;
  if (fdflags & WASI_RSYNC) flags |= O_RSYNC;

  int host;
  bool follow = lookup & WASI_SYMLINK_FOLLOW;
  if (c->open >= c->limit) return WASI_MFILE;
  r = open_file(c, e, text, flags, follow, !(fdflags & WASI_NONBLOCK), &host);
  if (r != WASI_OK) return r;
  file.host = host;
  file.flags = (uint8_t)fdflags;
  r = inspect(c, e, host, write, &file);
  if (r == WASI_OK && trunc && file.type == WASI_TYPE_REGULAR) {
    int h;
    do h = ftruncate(host, 0);
    while (h != 0 && errno == EINTR);
    if (h != 0) r = wasi_errno(errno);
  }
  uint32_t number = 0;
  if (r == WASI_OK) r = wasi_insert(c, &file, &number);
  if (r != WASI_OK) {
    close(host);
    return r;
  }
  wasi_store32(out, number);
  return WASI_OK;
}
