/* wasi_poll.c: poll_oneoff. Waits until one of the subscriptions has something to tell: clocks (relative or absolute),
 * descriptors to read or write. All that are ready at that moment are told of. A subscription that cannot be waited for
 * (closed descriptor, missing right, unknown clock) is an event with an error, at once. */
#include "wasi_internal.h"

#include <limits.h>
#include <poll.h>
#include <sys/ioctl.h>

enum { CLOCK = 0, FD_READ = 1, FD_WRITE = 2, ABSTIME = 1, HANGUP = 1, EVENT = 32 };
enum { ON_STACK = 16, SUBSCRIPTIONS_MAX = 1 << 16 };

/* Where the fields lie: wasi_unstable's clock begins with an identifier of its own. */
typedef struct layout {
  uint8_t bytes, id, timeout, flags;
} layout;
static const layout preview1 = {48, 16, 24, 40}, unstable = {56, 24, 32, 48};

typedef struct item {
  uint64_t userdata;
  uint64_t deadline; /* clocks: ns on `clock` */
  int32_t clock;
  int32_t error;
  uint32_t fd;
  uint8_t type;
} item;

/* Takes a subscription in. For a descriptor, *p gets what to poll. */
static void read_item(w2n_wasi *c, const uint8_t *s, const layout *l, item *it, struct pollfd *p) {
  *it = (item){.userdata = wasi_load64(s), .type = s[8]};
  *p = (struct pollfd){.fd = -1};
  if (it->type == CLOCK) {
    uint32_t flags = s[l->flags] | (uint32_t)s[l->flags + 1] << 8;
    uint64_t now = 0, timeout = wasi_load64(s + l->timeout);
    it->clock = (int32_t)wasi_load32(s + l->id);
    if ((uint32_t)it->clock > 1 || flags & ~(uint32_t)ABSTIME) it->error = WASI_INVAL; /* CPU time: no one can wait. */
    else if (flags & ABSTIME) it->deadline = timeout;
    else {
      it->error = wasi_clock_now(c, it->clock, &now);
      it->deadline = timeout > UINT64_MAX - now ? UINT64_MAX : now + timeout;
    }
    return;
  }
  wasi_entry *e;
  it->fd = wasi_load32(s + 16);
  uint64_t right = it->type == FD_READ ? WASI_R_READ | WASI_R_ACCEPT : WASI_R_WRITE; /* any of them */
  if (it->type > FD_WRITE) it->error = WASI_INVAL;
  else it->error = wasi_get(c, (int32_t)it->fd, WASI_R_POLL, &e);
  if (it->error == WASI_OK && !(e->base & right)) it->error = WASI_NOTCAPABLE;
  if (it->error == WASI_OK) *p = (struct pollfd){.fd = e->host, .events = it->type == FD_READ ? POLLIN : POLLOUT};
}

/* Bytes that a read would give now; 0 where the host cannot tell. */
static uint64_t readable(w2n_wasi *c, const item *it) {
  wasi_entry *e;
  struct stat st;
  int n = 0;
  if (wasi_get(c, (int32_t)it->fd, 0, &e) != WASI_OK) return 0;
  if (e->type == WASI_TYPE_REGULAR) {
    off_t at = lseek(e->host, 0, SEEK_CUR);
    return at >= 0 && fstat(e->host, &st) == 0 && st.st_size > at ? (uint64_t)(st.st_size - at) : 0;
  }
  return ioctl(e->host, FIONREAD, &n) == 0 && n > 0 ? (uint64_t)n : 0;
}

static void put_event(uint8_t *out, const item *it, uint64_t bytes, uint16_t flags) {
  memset(out, 0, EVENT);
  wasi_store64(out, it->userdata);
  wasi_store16(out + 8, (uint16_t)it->error);
  out[10] = it->type;
  wasi_store64(out + 16, bytes);
  wasi_store16(out + 24, flags);
}

/* A clock that cannot be read is late: what waits for it goes on instead of hanging. */
static uint64_t read_clock(w2n_wasi *c, int32_t clock) {
  uint64_t now;
  return wasi_clock_now(c, clock, &now) == WASI_OK ? now : UINT64_MAX;
}

/* ns until the first clock of the list rings: 0 if one has, UINT64_MAX if there is none. */
static uint64_t time_left(w2n_wasi *c, const item *items, uint32_t n) {
  uint64_t left = UINT64_MAX, now[2] = {0, 0};
  bool read[2] = {false, false};
  for (uint32_t i = 0; i < n; i++) {
    const item *it = &items[i];
    if (it->type != CLOCK || it->error != WASI_OK) continue;
    if (!read[it->clock]) now[it->clock] = read_clock(c, it->clock);
    read[it->clock] = true;
    uint64_t wait = it->deadline > now[it->clock] ? it->deadline - now[it->clock] : 0;
    if (wait < left) left = wait;
  }
  /* The calendar clock may be set while we sleep. */
  if (read[0] && !c->fixed_clock && left > 1000000000u) left = 1000000000u;
  return left;
}

static int wait_for(struct pollfd *p, uint32_t n, uint64_t ns) {
#ifdef __linux__
  struct timespec t = {(time_t)(ns / 1000000000u), (long)(ns % 1000000000u)};
  return ppoll(p, n, ns == UINT64_MAX ? NULL : &t, NULL);
#else
  uint64_t ms = ns / 1000000u + (ns % 1000000u != 0);
  return poll(p, n, ns == UINT64_MAX ? -1 : ms > INT_MAX ? INT_MAX : (int)ms);
#endif
}

/* Writes the events of this moment. */
static uint32_t collect(w2n_wasi *c, const item *items, const struct pollfd *polls, uint32_t n, uint8_t *out) {
  uint32_t events = 0;
  uint64_t now[2];
  bool known[2] = {false, false};
  for (uint32_t i = 0; i < n; i++) {
    const item *it = &items[i];
    item event = *it;
    uint64_t bytes = 0;
    uint16_t flags = 0;
    if (it->error != WASI_OK) {
    } else if (it->type == CLOCK) {
      if (!known[it->clock]) now[it->clock] = read_clock(c, it->clock);
      known[it->clock] = true;
      if (it->deadline > now[it->clock]) continue;
    } else {
      short got = polls[i].revents;
      if (got == 0) continue;
      if (got & POLLNVAL) event.error = WASI_BADF;
      else if (got & POLLERR && !(got & (POLLIN | POLLOUT | POLLHUP))) event.error = it->type == FD_WRITE ? WASI_PIPE : WASI_IO;
      if (got & POLLHUP) flags = HANGUP;
      if (it->type == FD_READ) bytes = readable(c, it);
    }
    put_event(out + (size_t)EVENT * events++, &event, bytes, flags);
  }
  return events;
}

static int32_t wait_for_events(w2n_wasi *c, item *items, struct pollfd *polls, uint32_t n, uint8_t *out,
                               uint32_t *events) {
  bool descriptors = false, failed = false;
  for (uint32_t i = 0; i < n; i++) {
    descriptors |= polls[i].fd >= 0;
    failed |= items[i].error != WASI_OK;
  }
  for (;;) {
    uint64_t left = failed ? 0 : time_left(c, items, n);
    /* A fixed clock runs by itself: its time is never slept. Descriptors are then looked at without waiting, unless
     * they are all there is. */
    bool skip = c->fixed_clock && left != UINT64_MAX;
    int r = 0;
    if (descriptors || !skip) {
      r = wait_for(polls, descriptors ? n : 0, skip ? 0 : left);
      if (r < 0 && errno != EINTR) return wasi_errno(errno);
      if (r < 0) continue;
    }
    if (skip && r == 0) c->clock += left;
    *events = collect(c, items, polls, n, out);
    if (*events != 0) return WASI_OK;
  }
}

static int32_t poll_oneoff(w2n_instance *caller, int32_t in, int32_t out, int32_t count, int32_t result,
                           const layout *l) {
  w2n_wasi *c = wasi_context(caller);
  wasi_memory m = wasi_memory_of(caller);
  uint32_t n = (uint32_t)count, events = 0;
  const uint8_t *from = wasi_at(&m, in, (uint64_t)l->bytes * n);
  uint8_t *to = wasi_at(&m, out, (uint64_t)EVENT * n), *number = wasi_at(&m, result, 4);
  if (n == 0) return WASI_INVAL;
  if (from == NULL || to == NULL || number == NULL) return WASI_FAULT;
  if (n > SUBSCRIPTIONS_MAX) return WASI_INVAL;

  struct {
    item items[ON_STACK];
    struct pollfd polls[ON_STACK];
  } own;
  item *items = own.items;
  struct pollfd *polls = own.polls;
  if (n > ON_STACK) {
    items = malloc(n * (sizeof *items + sizeof *polls));
    if (items == NULL) return WASI_NOMEM;
    polls = (struct pollfd *)(items + n);
  }
  for (uint32_t i = 0; i < n; i++) read_item(c, from + (size_t)l->bytes * i, l, &items[i], &polls[i]);
  int32_t r = wait_for_events(c, items, polls, n, to, &events);
  if (items != own.items) free(items);
  if (r == WASI_OK) wasi_store32(number, events);
  return r;
}

int32_t wasi_snapshot_preview1__poll_oneoff(w2n_instance *caller, int32_t in, int32_t out, int32_t count,
                                            int32_t result) {
  return poll_oneoff(caller, in, out, count, result, &preview1);
}

int32_t wasi_unstable__poll_oneoff(w2n_instance *caller, int32_t in, int32_t out, int32_t count, int32_t result) {
  return poll_oneoff(caller, in, out, count, result, &unstable);
}
