/* wasi_sock.c: sockets: granting them, and what the program does with them. Only programs that import a function of
 * theirs carry this. */
#include "wasi_internal.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0
#endif

enum { RECV_PEEK = 1, RECV_WAITALL = 2, RECV_DATA_TRUNCATED = 1, SHUT_READ = 1, SHUT_WRITE = 2, VECTORS = 64 };

static int add_socket(w2n_wasi *c, int fd, uint8_t bits) {
  wasi_entry e = {.host = fd, .bits = bits, .type = wasi_socket_type(fd), .base = WASI_R_SOCKET, .inheriting = WASI_R_SOCKET};
  return wasi_add_at_end(c, &e);
}

int w2n_wasi_add_socket(w2n_wasi *c, int host_fd) {
  struct stat st;
  if (fstat(host_fd, &st) != 0) return errno;
  if (!S_ISSOCK(st.st_mode)) return ENOTSOCK;
  return add_socket(c, host_fd, WASI_SHARED);
}

/* "ADDR:PORT" without a name service: ADDR is a.b.c.d, [IPv6] or empty (every IPv4 address of the host). */
static int parse_address(const char *text, struct sockaddr_storage *out, socklen_t *bytes) {
  char host[64];
  const char *colon = strrchr(text, ':');
  if (colon == NULL || colon[1] == 0) return EINVAL;
  size_t n = (size_t)(colon - text);
  const char *from = text;
  bool v6 = n >= 2 && text[0] == '[' && text[n - 1] == ']';
  if (v6) {
    from++;
    n -= 2;
  }
  uint32_t port = 0;
  for (const char *p = colon + 1; *p != 0; p++) {
    if (*p < '0' || *p > '9' || (port = port * 10 + (uint32_t)(*p - '0')) > 65535) return EINVAL;
  }
  if (n >= sizeof host) return EINVAL;
  memcpy(host, from, n);
  host[n] = 0;
  memset(out, 0, sizeof *out);
  if (v6) {
    struct sockaddr_in6 *a = (struct sockaddr_in6 *)out;
    a->sin6_family = AF_INET6;
    a->sin6_port = htons((uint16_t)port);
    *bytes = sizeof *a;
    return inet_pton(AF_INET6, host, &a->sin6_addr) == 1 ? 0 : EINVAL;
  }
  struct sockaddr_in *a = (struct sockaddr_in *)out;
  a->sin_family = AF_INET;
  a->sin_port = htons((uint16_t)port);
  *bytes = sizeof *a;
  return n == 0 || inet_pton(AF_INET, host, &a->sin_addr) == 1 ? 0 : EINVAL;
}

int w2n_wasi_add_listener(w2n_wasi *c, const char *address) {
  struct sockaddr_storage at;
  socklen_t bytes;
  int one = 1;
  int r = parse_address(address, &at, &bytes);
  if (r != 0) return r;
  int s = socket(at.ss_family, SOCK_STREAM, 0);
  if (s < 0) return errno;
  if (fcntl(s, F_SETFD, FD_CLOEXEC) != 0 || fcntl(s, F_SETFL, O_NONBLOCK) != 0 ||
      setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) != 0 || bind(s, (struct sockaddr *)&at, bytes) != 0 ||
      listen(s, 128) != 0)
    r = errno;
  else r = add_socket(c, s, 0);
  if (r != 0) close(s);
  return r;
}

/* NOTSOCK for anything else that is open. */
static int32_t get_socket(w2n_wasi *c, int32_t fd, uint64_t rights, wasi_entry **e) {
  int32_t r = wasi_get(c, fd, 0, e);
  if (r != WASI_OK) return r;
  if ((*e)->type != WASI_TYPE_STREAM && (*e)->type != WASI_TYPE_DGRAM) return WASI_NOTSOCK;
  uint64_t missing = rights & ~(*e)->base;
  /* A standard stream never has this right: to the guest it is no socket in this respect. */
  if (missing & WASI_R_SHUTDOWN && (*e)->bits & WASI_SHARED) return WASI_NOTSOCK;
  return missing ? WASI_NOTCAPABLE : WASI_OK;
}

/* The guest's blocking: sockets of our own never block on the host; others are asked before. */
static int32_t wait_ready(const wasi_entry *e, short events) {
  struct pollfd p = {.fd = e->host, .events = events};
  int r;
  do r = poll(&p, 1, e->flags & WASI_NONBLOCK ? 0 : -1);
  while (r < 0 && errno == EINTR);
  return r > 0 ? WASI_OK : r == 0 ? WASI_AGAIN : wasi_errno(errno);
}

int32_t wasi_snapshot_preview1__sock_accept(w2n_instance *caller, int32_t fd, int32_t flags, int32_t result) {
  w2n_wasi *c = wasi_context(caller);
  wasi_memory m = wasi_memory_of(caller);
  uint8_t *out = wasi_at(&m, result, 4);
  wasi_entry *e;
  int32_t r = get_socket(c, fd, WASI_R_ACCEPT, &e);
  if (r != WASI_OK) return r;
  if (flags & ~WASI_NONBLOCK) return WASI_INVAL;
  if (out == NULL) return WASI_FAULT;
  if (c->open >= c->limit) return WASI_MFILE;
  int host;
  for (;;) {
    int listening = 0;
    socklen_t bytes = sizeof listening;
    if (getsockopt(e->host, SOL_SOCKET, SO_ACCEPTCONN, &listening, &bytes) == 0 && !listening) return WASI_INVAL;
    if ((r = wait_ready(e, POLLIN)) != WASI_OK) return r;
#ifdef __linux__
    host = accept4(e->host, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
#else
    host = accept(e->host, NULL, NULL);
    int one = 1;
    if (host >= 0 && (fcntl(host, F_SETFD, FD_CLOEXEC) != 0 || fcntl(host, F_SETFL, O_NONBLOCK) != 0 ||
                      setsockopt(host, SOL_SOCKET, SO_NOSIGPIPE, &one, sizeof one) != 0)) {
      r = wasi_errno(errno);
      close(host);
      return r;
    }
#endif
    if (host >= 0) break;
    /* A connection that went away meanwhile; a shared socket whose connection another process took. */
    if (errno == EAGAIN && e->flags & WASI_NONBLOCK) return WASI_AGAIN;
    if (errno != EINTR && errno != EAGAIN && errno != ECONNABORTED) return wasi_errno(errno);
  }
  wasi_entry accepted = {.host = host, .type = e->type, .flags = (uint8_t)flags, .base = WASI_R_SOCKET & e->inheriting,
                         .inheriting = e->inheriting};
  uint32_t number;
  r = wasi_insert(c, &accepted, &number);
  if (r != WASI_OK) close(host);
  else wasi_store32(out, number);
  return r;
}

/* Up to VECTORS of the guest's vectors. A stream gives or takes less then; a datagram of more is refused. */
static int32_t gather(const wasi_memory *m, int32_t list, int32_t count, bool datagram, struct iovec *v, int *n) {
  const uint8_t *p = wasi_at(m, list, 8 * (uint64_t)(uint32_t)count);
  uint64_t total = 0;
  if (p == NULL) return WASI_FAULT;
  if (datagram && (uint32_t)count > VECTORS) return WASI_INVAL;
  *n = (uint32_t)count < VECTORS ? count : VECTORS;
  for (int i = 0; i < *n; i++) {
    uint64_t bytes = wasi_load32(p + 8 * (size_t)i + 4);
    uint8_t *data = wasi_at(m, (int32_t)wasi_load32(p + 8 * (size_t)i), bytes);
    if (data == NULL) return WASI_FAULT;
    if (bytes > 0x7ffff000u - total) bytes = 0x7ffff000u - total;
    total += bytes;
    v[i] = (struct iovec){data, (size_t)bytes};
  }
  return WASI_OK;
}

int32_t wasi_snapshot_preview1__sock_recv(w2n_instance *caller, int32_t fd, int32_t list, int32_t count, int32_t flags,
                                          int32_t received, int32_t out_flags) {
  w2n_wasi *c = wasi_context(caller);
  wasi_memory m = wasi_memory_of(caller);
  uint8_t *bytes = wasi_at(&m, received, 4), *result = wasi_at(&m, out_flags, 2);
  wasi_entry *e;
  struct iovec v[VECTORS];
  struct msghdr h = {.msg_iov = v};
  int n;
  int32_t r = get_socket(c, fd, WASI_R_READ, &e);
  if (r != WASI_OK) return r;
  if (flags & ~(RECV_PEEK | RECV_WAITALL)) return WASI_INVAL;
  if (bytes == NULL || result == NULL) return WASI_FAULT;
  if ((r = gather(&m, list, count, e->type == WASI_TYPE_DGRAM, v, &n)) != WASI_OK) return r;
  h.msg_iovlen = n;
  uint64_t done = 0, total = 0;
  for (int i = 0; i < n; i++) total += v[i].iov_len;
  bool all = flags & RECV_WAITALL && !(flags & RECV_PEEK) && e->type == WASI_TYPE_STREAM && !(e->flags & WASI_NONBLOCK);
  for (;;) {
    ssize_t got = recvmsg(e->host, &h, MSG_DONTWAIT | (flags & RECV_PEEK ? MSG_PEEK : 0));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN && !(e->flags & WASI_NONBLOCK)) {
      if ((r = wait_ready(e, POLLIN)) != WASI_OK) return done != 0 ? WASI_OK : r;
      continue;
    }
    if (got < 0 && done == 0) return wasi_errno(errno);
    if (got <= 0) break;
    done += (uint64_t)got;
    if (!all || done == total) break;
    /* Wait for the rest: skip what is filled. */
    size_t skip = (size_t)got;
    while (skip >= h.msg_iov->iov_len) {
      skip -= h.msg_iov->iov_len;
      h.msg_iov++;
      h.msg_iovlen--;
    }
    h.msg_iov->iov_base = (uint8_t *)h.msg_iov->iov_base + skip;
    h.msg_iov->iov_len -= skip;
  }
  wasi_store32(bytes, (uint32_t)done);
  wasi_store16(result, h.msg_flags & MSG_TRUNC ? RECV_DATA_TRUNCATED : 0);
  return WASI_OK;
}

int32_t wasi_snapshot_preview1__sock_send(w2n_instance *caller, int32_t fd, int32_t list, int32_t count, int32_t flags,
                                          int32_t sent) {
  w2n_wasi *c = wasi_context(caller);
  wasi_memory m = wasi_memory_of(caller);
  uint8_t *bytes = wasi_at(&m, sent, 4);
  wasi_entry *e;
  struct iovec v[VECTORS];
  struct msghdr h = {.msg_iov = v};
  int n;
  int32_t r = get_socket(c, fd, WASI_R_WRITE, &e);
  if (r != WASI_OK) return r;
  if (flags != 0) return WASI_INVAL;
  if (bytes == NULL) return WASI_FAULT;
  if ((r = gather(&m, list, count, e->type == WASI_TYPE_DGRAM, v, &n)) != WASI_OK) return r;
  h.msg_iovlen = n;
  for (;;) {
    ssize_t put = sendmsg(e->host, &h, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (put >= 0) {
      wasi_store32(bytes, (uint32_t)put);
      return WASI_OK;
    }
    if (errno == EINTR) continue;
    if (errno != EAGAIN || e->flags & WASI_NONBLOCK) return wasi_errno(errno);
    if ((r = wait_ready(e, POLLOUT)) != WASI_OK) return r;
  }
}

int32_t wasi_snapshot_preview1__sock_shutdown(w2n_instance *caller, int32_t fd, int32_t how) {
  static const int host[4] = {0, SHUT_RD, SHUT_WR, SHUT_RDWR};
  wasi_entry *e;
  int32_t r = get_socket(wasi_context(caller), fd, WASI_R_SHUTDOWN, &e);
  if (r != WASI_OK) return r;
  if (how <= 0 || how > (SHUT_READ | SHUT_WRITE)) return WASI_INVAL;
  return shutdown(e->host, host[how]) == 0 ? WASI_OK : wasi_errno(errno);
}
