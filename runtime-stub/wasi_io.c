/* wasi_io.c: reading, writing, the file offset.
 *
 * Vectors are handed to the kernel as they lie in guest memory, VECTORS at a time. Descriptors that the stub opened
 * itself are non-blocking on the host; blocking is done here with poll, so that the guest's NONBLOCK flag is only a bit
 * of the entry. Shared descriptors (standard streams) keep the mode they came with, whichever that is: for them poll
 * comes first when the guest wants not to block. */
#include "wasi_internal.h"

#include <limits.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0
#endif

enum { VECTORS = 16 };
#define MOVE_MAX 0x7ffff000u /* The most that Linux moves in one call; a result fits the guest's 32 bits. */

typedef struct cursor {
  const uint8_t *list; /* guest's vector of {u32 address, u32 bytes} */
  uint32_t count;
  uint32_t index;
  uint32_t offset; /* done of vector `index` */
} cursor;

/* Gathers up to VECTORS non-empty pieces and `limit` bytes from the cursor. Returns false at a bad pointer. */
static bool gather(const wasi_memory *m, cursor at, uint64_t limit, struct iovec *v, int *n, uint64_t *total) {
  *n = 0;
  *total = 0;
  for (; at.index < at.count && *n < VECTORS && *total < limit; at.index++, at.offset = 0) {
    const uint8_t *p = at.list + 8 * (uint64_t)at.index;
    uint64_t bytes = wasi_load32(p + 4);
    uint8_t *data = wasi_at(m, (int32_t)wasi_load32(p), bytes);
    if (data == NULL) return *n != 0;
    if (bytes <= at.offset) continue;
    bytes -= at.offset;
    if (bytes > limit - *total) bytes = limit - *total;
    v[*n] = (struct iovec){data + at.offset, (size_t)bytes};
    ++*n;
    *total += bytes;
  }
  return true;
}

static void advance(cursor *at, uint64_t bytes) {
  while (at->index < at->count) {
    uint32_t all = wasi_load32(at->list + 8 * (uint64_t)at->index + 4);
    uint32_t left = all > at->offset ? all - at->offset : 0;
    if (left > bytes) {
      at->offset += (uint32_t)bytes;
      return;
    }
    bytes -= left;
    at->index++;
    at->offset = 0;
  }
}

static int wait_for(int host, short events, int timeout) {
  struct pollfd p = {.fd = host, .events = events};
  int r;
  do r = poll(&p, 1, timeout);
  while (r < 0 && errno == EINTR && timeout < 0);
  return r;
}

static ssize_t move_once(const wasi_entry *e, struct iovec *v, int n, int64_t offset, bool write) {
  if (e->type == WASI_TYPE_STREAM || e->type == WASI_TYPE_DGRAM) {
    struct msghdr h = {.msg_iov = v};
    h.msg_iovlen = n;
    int flags = MSG_NOSIGNAL | (e->flags & WASI_NONBLOCK ? MSG_DONTWAIT : 0);
    return write ? sendmsg(e->host, &h, flags) : recvmsg(e->host, &h, flags & ~MSG_NOSIGNAL);
  }
  if (offset < 0) return write ? writev(e->host, v, n) : readv(e->host, v, n);
  return write ? pwritev(e->host, v, n, offset) : preadv(e->host, v, n, offset);
}

/* Moves the gathered bytes with the guest's idea of blocking. */
static ssize_t move(const wasi_entry *e, struct iovec *v, int n, int64_t offset, bool write) {
  short events = write ? POLLOUT : POLLIN;
  bool nonblock = e->flags & WASI_NONBLOCK;
  if (e->type != WASI_TYPE_REGULAR) {
    if (nonblock && e->bits & WASI_SHARED) {
      int r = wait_for(e->host, events, 0);
      if (r == 0) errno = EAGAIN;
      if (r <= 0) return -1;
      /* Readiness of a pipe promises room for PIPE_BUF bytes. */
      if (write && e->type == WASI_TYPE_UNKNOWN) {
        n = 1;
        if (v[0].iov_len > PIPE_BUF) v[0].iov_len = PIPE_BUF;
      }
    } else if (!nonblock && !write && e->bits & WASI_FIFO && !(e->bits & WASI_SHARED)) {
      if (wait_for(e->host, POLLIN, -1) < 0) return -1; /* Until there is a writer, which the host's open did not do. */
    }
  }
  for (;;) {
    ssize_t r = move_once(e, v, n, offset, write);
    if (r >= 0 || (errno != EINTR && (errno != EAGAIN || nonblock))) return r;
    if (errno == EAGAIN && wait_for(e->host, events, -1) < 0) return -1;
  }
}

/* offset < 0: at the file's own offset. */
static int32_t transfer(w2n_instance *caller, int32_t fd, int32_t list, int32_t count, int64_t offset, int32_t result,
                        bool write, uint64_t rights) {
  w2n_wasi *c = wasi_context(caller);
  wasi_memory m = wasi_memory_of(caller);
  wasi_entry *e;
  int32_t r = wasi_get(c, fd, rights, &e);
  if (r != WASI_OK) return r;
  cursor at = {wasi_at(&m, list, 8 * (uint64_t)(uint32_t)count), (uint32_t)count, 0, 0};
  uint8_t *out = wasi_at(&m, result, 4);
  if (at.list == NULL || out == NULL) return WASI_FAULT;

  uint64_t done = 0;
  bool regular = e->type == WASI_TYPE_REGULAR;
  while (at.index < at.count && done < MOVE_MAX) {
    struct iovec v[VECTORS];
    int n;
    uint64_t total;
    if (!gather(&m, at, MOVE_MAX - done, v, &n, &total)) {
      if (done == 0) return WASI_FAULT;
      break;
    }
    if (n == 0) break;
    ssize_t moved = move(e, v, n, offset < 0 ? offset : offset + (int64_t)done, write);
    if (moved < 0) {
      if (done == 0) return wasi_errno(errno);
      break; /* The bytes moved so far count; the error comes again with the next call. */
    }
    done += (uint64_t)moved;
    advance(&at, (uint64_t)moved);
    bool whole = (uint64_t)moved == total;
    /* A pipe or terminal has given what it has; a file has ended; a blocking write goes on until all is out. */
    if (write ? moved == 0 || (!whole && e->flags & WASI_NONBLOCK) : !whole || !regular) break;
    /* Each call to a datagram socket is a message of its own. */
    if (e->type == WASI_TYPE_DGRAM) break;
  }
  wasi_store32(out, (uint32_t)done);
  return WASI_OK;
}

int32_t wasi_snapshot_preview1__fd_read(w2n_instance *caller, int32_t fd, int32_t iovs, int32_t count, int32_t nread) {
  return transfer(caller, fd, iovs, count, -1, nread, false, WASI_R_READ);
}

int32_t wasi_snapshot_preview1__fd_write(w2n_instance *caller, int32_t fd, int32_t iovs, int32_t count,
                                         int32_t nwritten) {
  return transfer(caller, fd, iovs, count, -1, nwritten, true, WASI_R_WRITE);
}

int32_t wasi_snapshot_preview1__fd_pread(w2n_instance *caller, int32_t fd, int32_t iovs, int32_t count, int64_t offset,
                                         int32_t nread) {
  if (offset < 0) return WASI_INVAL;
  return transfer(caller, fd, iovs, count, offset, nread, false, WASI_R_READ | WASI_R_SEEK);
}

int32_t wasi_snapshot_preview1__fd_pwrite(w2n_instance *caller, int32_t fd, int32_t iovs, int32_t count, int64_t offset,
                                          int32_t nwritten) {
  if (offset < 0) return WASI_INVAL;
  return transfer(caller, fd, iovs, count, offset, nwritten, true, WASI_R_WRITE | WASI_R_SEEK);
}

static int32_t seek(w2n_instance *caller, int32_t fd, int64_t delta, int whence, int32_t position, uint64_t rights) {
  wasi_memory m = wasi_memory_of(caller);
  uint8_t *out = wasi_at(&m, position, 8);
  wasi_entry *e;
  int32_t r = wasi_get(wasi_context(caller), fd, rights, &e);
  if (r != WASI_OK && rights == WASI_R_TELL) r = wasi_get(wasi_context(caller), fd, WASI_R_SEEK, &e); /* implies it */
  if (r != WASI_OK) return r;
  if (out == NULL) return WASI_FAULT;
  off_t at = lseek(e->host, delta, whence);
  if (at < 0) return wasi_errno(errno);
  wasi_store64(out, (uint64_t)at);
  return WASI_OK;
}

int32_t wasi_snapshot_preview1__fd_seek(w2n_instance *caller, int32_t fd, int64_t delta, int32_t whence,
                                        int32_t position) {
  static const int host[3] = {SEEK_SET, SEEK_CUR, SEEK_END};
  if ((uint32_t)whence > 2) return WASI_INVAL;
  /* Asking where the offset is takes the lesser right. */
  uint64_t rights = host[whence] == SEEK_CUR && delta == 0 ? WASI_R_TELL : WASI_R_SEEK;
  return seek(caller, fd, delta, host[whence], position, rights);
}

int32_t wasi_snapshot_preview1__fd_tell(w2n_instance *caller, int32_t fd, int32_t position) {
  return seek(caller, fd, 0, SEEK_CUR, position, WASI_R_TELL);
}
