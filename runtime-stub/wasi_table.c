/* wasi_table.c: the table of descriptors. Guest numbers are indices into it and have nothing to do with host
 * descriptors. The lowest free number is given out first, as POSIX does. */
#include "wasi_internal.h"

#include <sys/ioctl.h>
#include <sys/socket.h>

uint8_t wasi_filetype(mode_t mode) {
  if (S_ISREG(mode)) return WASI_TYPE_REGULAR;
  if (S_ISDIR(mode)) return WASI_TYPE_DIRECTORY;
  if (S_ISLNK(mode)) return WASI_TYPE_SYMLINK;
  if (S_ISCHR(mode)) return WASI_TYPE_CHARACTER;
  if (S_ISBLK(mode)) return WASI_TYPE_BLOCK;
  if (S_ISSOCK(mode)) return WASI_TYPE_STREAM;
  return WASI_TYPE_UNKNOWN; /* Pipes have no type of their own. */
}

uint8_t wasi_socket_type(int host) {
  int type = 0;
  socklen_t bytes = sizeof type;
  return getsockopt(host, SOL_SOCKET, SO_TYPE, &type, &bytes) == 0 && type == SOCK_DGRAM ? WASI_TYPE_DGRAM
                                                                                          : WASI_TYPE_STREAM;
}

/* C libraries take a character device for a terminal unless one may seek on it (isatty of wasi-libc): what is no terminal
 * has these rights, and lseek on /dev/null succeeds indeed. */
uint64_t wasi_device_rights(int host) {
  struct winsize size;
  return ioctl(host, TIOCGWINSZ, &size) == 0 ? 0 : WASI_R_SEEK | WASI_R_TELL;
}

static int32_t probe(wasi_entry *e) {
  struct stat st;
  int flags;
  if (fstat(e->host, &st) != 0 || (flags = fcntl(e->host, F_GETFL)) < 0) return wasi_errno(errno);
  e->type = S_ISSOCK(st.st_mode) ? wasi_socket_type(e->host) : wasi_filetype(st.st_mode);
  if (S_ISFIFO(st.st_mode)) e->bits |= WASI_FIFO;
  if (flags & O_APPEND) e->flags |= WASI_APPEND;
  if (S_ISREG(st.st_mode)) e->base |= WASI_R_SEEK | WASI_R_TELL | WASI_R_ADVISE;
  if (S_ISCHR(st.st_mode)) e->base |= wasi_device_rights(e->host);
  /* Not the right to shut down: the connection is also that of others who have the stream. */
  if (S_ISSOCK(st.st_mode) && e->base & WASI_R_READ) e->base |= WASI_R_ACCEPT;
  if (S_ISDIR(st.st_mode)) e->base = WASI_R_FILESTAT_GET;
  e->bits &= (uint8_t)~WASI_UNPROBED;
  return WASI_OK;
}

/* What the lack of a right looks like: where POSIX has an errno for the operation on this type of file, that one. */
static int32_t lacking(const wasi_entry *e, uint64_t missing) {
  if (e->type == WASI_TYPE_DIRECTORY)
    return missing & (WASI_R_FILE & ~(WASI_R_DIRECTORY | WASI_R_POLL)) ? WASI_ISDIR : WASI_NOTCAPABLE;
  if (missing & WASI_R_PATHS) return WASI_NOTDIR;
  if (missing & (WASI_R_SHUTDOWN | WASI_R_ACCEPT) && e->type != WASI_TYPE_STREAM && e->type != WASI_TYPE_DGRAM)
    return WASI_NOTSOCK;
  if (missing & WASI_R_SEEKABLE && e->type != WASI_TYPE_REGULAR && e->type != WASI_TYPE_BLOCK) return WASI_SPIPE;
  return WASI_NOTCAPABLE;
}

int32_t wasi_get(w2n_wasi *c, int32_t fd, uint64_t rights, wasi_entry **out) {
  if ((uint32_t)fd >= c->count) return WASI_BADF;
  wasi_entry *e = &c->entries[fd];
  if (e->host < 0) return WASI_BADF;
  if (e->bits & WASI_UNPROBED) {
    int32_t r = probe(e);
    if (r != WASI_OK) return r;
  }
  if (rights & ~e->base) return lacking(e, rights & ~e->base);
  *out = e;
  return WASI_OK;
}

void *wasi_grow(void *old, bool *lent, size_t used, size_t bytes) {
  if (!*lent) return realloc(old, bytes);
  void *own = malloc(bytes);
  if (own == NULL) return NULL;
  memcpy(own, old, used);
  *lent = false;
  return own;
}

int32_t wasi_insert(w2n_wasi *c, const wasi_entry *entry, uint32_t *fd) {
  if (c->open >= c->limit) return WASI_MFILE;
  uint32_t at = 0;
  if (c->open == c->count) at = c->count;
  else
    while (c->entries[at].host >= 0) at++;
  if (at == c->count) {
    uint32_t count = c->count < 8 ? 8 : c->count * 2;
    wasi_entry *grown = wasi_grow(c->entries, &c->lent, c->count * sizeof *grown, count * sizeof *grown);
    if (grown == NULL) return WASI_NOMEM;
    for (uint32_t i = c->count; i < count; i++) grown[i] = (wasi_entry){.host = -1};
    c->entries = grown;
    c->count = count;
  }
  c->entries[at] = *entry;
  c->open++;
  *fd = at;
  return WASI_OK;
}

bool wasi_plug(int host) {
  int s = socket(AF_UNIX, SOCK_STREAM, 0), r; /* The lowest free number: `host` itself where that is free. */
  if (s < 0 || s == host) return s == host;
  do r = dup2(s, host);
  while (r < 0 && errno == EINTR);
  close(s);
  return r == host;
}

/* Host descriptors 0 to 2 stay occupied, or a file opened later would become the host's standard error: 0 and 1 are
 * replaced in one step, so that no other thread gets them in between, and 2 stays open for the report of a trap. */
void wasi_close_entry(w2n_wasi *c, wasi_entry *e) {
  if (e->host > 2) close(e->host);
  else if (e->host < 2 && !wasi_plug(e->host)) {
    close(e->host); /* That makes room for the socket. */
    wasi_plug(e->host);
  }
  free(e->preopen);
  wasi_dirbuf_free(e->dir);
  *e = (wasi_entry){.host = -1};
  c->open--;
}
