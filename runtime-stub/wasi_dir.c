/* wasi_dir.c: reading directories.
 *
 * Linux: a cookie is the kernel's own offset (d_off). The batch that getdents64 gave is kept with the descriptor, and a
 * call whose cookie is the next entry in it goes on there without seeking, so that a program that deletes what it reads
 * misses nothing, as with readdir(3). Elsewhere: libc's stream, a cookie is the number of entries passed.
 * The entry that does not fit is written as far as it does and is given again by the next call. The inode of ".." is
 * given as 0 (unknown): above a granted directory it would tell of the outside. */
#include "wasi_internal.h"

#include <dirent.h>
#ifdef __linux__
#include <sys/syscall.h>
#endif

enum { DIRENT = 24, BATCH = 4096 - 48 };

typedef struct entry_view {
  uint64_t next; /* cookie of the entry after this one */
  uint64_t inode;
  const char *name;
  uint32_t bytes;
  uint8_t type; /* DT_* */
} entry_view;

#ifdef __linux__
struct wasi_dirbuf {
  uint64_t cookie; /* of the entry at `at` */
  size_t at;
  size_t end;
  bool ended;
  _Alignas(8) char batch[BATCH];
};

struct kernel_dirent {
  uint64_t d_ino;
  int64_t d_off;
  unsigned short d_reclen;
  unsigned char d_type;
  char d_name[];
};

static int32_t rewind_to(wasi_dirbuf *d, int host, uint64_t cookie) {
  if (cookie != 0 && cookie == d->cookie) return WASI_OK;
  if (lseek(host, (off_t)cookie, SEEK_SET) < 0) return wasi_errno(errno);
  d->cookie = cookie;
  d->at = d->end = 0;
  d->ended = false;
  return WASI_OK;
}

/* The entry at the cookie, *more = false behind the last one. */
static int32_t peek(wasi_dirbuf *d, int host, entry_view *v, bool *more) {
  if (d->at == d->end && !d->ended) {
    long n;
    do n = syscall(SYS_getdents64, host, d->batch, sizeof d->batch);
    while (n < 0 && errno == EINTR);
    if (n < 0) return errno == ENOENT ? (*more = false, WASI_OK) : wasi_errno(errno); /* ENOENT: removed meanwhile. */
    d->at = 0;
    d->end = (size_t)n;
    d->ended = n == 0;
  }
  *more = d->at < d->end;
  if (!*more) {
    d->ended = false; /* A later call looks again, as for entries made since. */
    return WASI_OK;
  }
  const struct kernel_dirent *k = (const struct kernel_dirent *)(d->batch + d->at);
  *v = (entry_view){(uint64_t)k->d_off, k->d_ino, k->d_name, (uint32_t)strlen(k->d_name), k->d_type};
  return WASI_OK;
}

static void step(wasi_dirbuf *d) {
  const struct kernel_dirent *k = (const struct kernel_dirent *)(d->batch + d->at);
  d->cookie = (uint64_t)k->d_off;
  d->at += k->d_reclen;
}

static wasi_dirbuf *dirbuf_new(int host) {
  (void)host;
  wasi_dirbuf *d = malloc(sizeof *d);
  if (d != NULL) {
    d->cookie = 0;
    d->at = d->end = 0;
    d->ended = false;
  }
  return d;
}

void wasi_dirbuf_free(wasi_dirbuf *d) { free(d); }
#else
struct wasi_dirbuf {
  DIR *stream;
  struct dirent *entry; /* looked at, not yet passed */
  uint64_t cookie;
};

static int32_t rewind_to(wasi_dirbuf *d, int host, uint64_t cookie) {
  (void)host;
  if (cookie != 0 && cookie == d->cookie) return WASI_OK;
  rewinddir(d->stream);
  d->entry = NULL;
  for (d->cookie = 0; d->cookie < cookie && readdir(d->stream) != NULL;) d->cookie++;
  d->cookie = cookie;
  return WASI_OK;
}

static int32_t peek(wasi_dirbuf *d, int host, entry_view *v, bool *more) {
  (void)host;
  if (d->entry == NULL) {
    errno = 0;
    d->entry = readdir(d->stream);
    if (d->entry == NULL && errno != 0) return wasi_errno(errno);
  }
  *more = d->entry != NULL;
  if (*more)
    *v = (entry_view){d->cookie + 1, d->entry->d_ino, d->entry->d_name, (uint32_t)strlen(d->entry->d_name),
                      d->entry->d_type};
  return WASI_OK;
}

static void step(wasi_dirbuf *d) {
  d->entry = NULL;
  d->cookie++;
}

static wasi_dirbuf *dirbuf_new(int host) {
  wasi_dirbuf *d = malloc(sizeof *d);
  int own = openat(host, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR *stream = own < 0 ? NULL : fdopendir(own);
  if (d == NULL || stream == NULL) {
    if (stream != NULL) closedir(stream);
    else if (own >= 0) close(own);
    free(d);
    return NULL;
  }
  *d = (wasi_dirbuf){stream, NULL, 0};
  return d;
}

void wasi_dirbuf_free(wasi_dirbuf *d) {
  if (d != NULL) closedir(d->stream);
  free(d);
}
#endif

static uint8_t type_of(int host, const entry_view *v) {
  struct stat st;
  switch (v->type) {
    case DT_REG: return WASI_TYPE_REGULAR;
    case DT_DIR: return WASI_TYPE_DIRECTORY;
    case DT_LNK: return WASI_TYPE_SYMLINK;
    case DT_CHR: return WASI_TYPE_CHARACTER;
    case DT_BLK: return WASI_TYPE_BLOCK;
    case DT_SOCK: return WASI_TYPE_STREAM;
    case DT_UNKNOWN:
      return fstatat(host, v->name, &st, AT_SYMLINK_NOFOLLOW) == 0 ? wasi_filetype(st.st_mode) : WASI_TYPE_UNKNOWN;
    default: return WASI_TYPE_UNKNOWN;
  }
}

int32_t wasi_snapshot_preview1__fd_readdir(w2n_instance *caller, int32_t fd, int32_t buffer, int32_t bytes,
                                           int64_t cookie, int32_t used) {
  wasi_memory m = wasi_memory_of(caller);
  wasi_entry *e;
  int32_t r = wasi_get(wasi_context(caller), fd, WASI_R_READDIR, &e);
  if (r != WASI_OK) return r;
  uint32_t room = (uint32_t)bytes, done = 0;
  uint8_t *out = wasi_at(&m, buffer, room), *result = wasi_at(&m, used, 4);
  if (out == NULL || result == NULL) return WASI_FAULT;
  if (e->dir == NULL && (e->dir = dirbuf_new(e->host)) == NULL) return WASI_NOMEM;
  r = rewind_to(e->dir, e->host, (uint64_t)cookie);
  while (r == WASI_OK && done < room) {
    entry_view v;
    bool more;
    uint8_t head[DIRENT] = {0};
    if ((r = peek(e->dir, e->host, &v, &more)) != WASI_OK || !more) break;
    bool parent = v.bytes == 2 && v.name[0] == '.' && v.name[1] == '.';
    wasi_store64(head, v.next);
    wasi_store64(head + 8, parent ? 0 : v.inode);
    wasi_store32(head + 16, v.bytes);
    head[20] = type_of(e->host, &v);
    uint32_t left = room - done;
    memcpy(out + done, head, left < DIRENT ? left : DIRENT);
    if (left > DIRENT) memcpy(out + done + DIRENT, v.name, left - DIRENT < v.bytes ? left - DIRENT : v.bytes);
    if (left < DIRENT + v.bytes) {
      done = room;
      break;
    }
    done += DIRENT + v.bytes;
    step(e->dir);
  }
  /* What was read before an error counts; the error comes again. */
  if (r != WASI_OK && done == 0) return r;
  wasi_store32(result, done);
  return WASI_OK;
}
