/* poll.c: poll_oneoff on clocks and files. The grant is an empty directory; the test gives a pipe that stays silent as
 * standard input. */
#include "guest.h"

enum { CLOCK = 0, FD_READ = 1, FD_WRITE = 2, SUB = 48, EVENT = 32, SUBS = 2048, EVENTS = 16384 };

static uint32_t subscriptions;

static uint32_t subscribe(uint64_t userdata, uint8_t type) {
  uint32_t s = area + SUBS + SUB * subscriptions++;
  memset(at(s), 0, SUB);
  store64(s, userdata);
  *at(s + 8) = type;
  return s;
}

static void subscribe_clock(uint64_t userdata, uint32_t id, uint64_t timeout, uint16_t flags) {
  uint32_t s = subscribe(userdata, CLOCK);
  store32(s + 16, id);
  store64(s + 24, timeout);
  store32(s + 40, flags);
}

static void subscribe_fd(uint64_t userdata, uint8_t type, i32 fd) { store32(subscribe(userdata, type) + 16, (uint32_t)fd); }

/* Polls what is subscribed; returns the number of events. */
static uint32_t poll_all(void) {
  memset(at(area + EVENTS), 0xee, EVENT * subscriptions + 8);
  CHECK(poll_oneoff((i32)(area + SUBS), (i32)(area + EVENTS), (i32)subscriptions, OUT), OK);
  CHECK(*at(area + EVENTS + EVENT * subscriptions), 0xee);
  subscriptions = 0;
  return load32(area);
}

static void expect_event(uint32_t i, uint64_t userdata, uint32_t type, uint32_t error, uint64_t bytes) {
  uint32_t e = area + EVENTS + EVENT * i;
  CHECK(load64(e), userdata);
  CHECK(*at(e + 8) | *at(e + 9) << 8, error);
  CHECK(*at(e + 10), type);
  CHECK(load64(e + 16), bytes);
  for (uint32_t k = 26; k < EVENT; k++) CHECK(*at(e + k), 0);
  for (uint32_t k = 11; k < 16; k++) CHECK(*at(e + k), 0);
}

static uint64_t now(i32 id) {
  CHECK(clock_time_get(id, 0, OUT), OK);
  return load64(area);
}

void scenario(void) {
  i32 fd;
  CHECK(poll_oneoff((i32)(area + SUBS), (i32)(area + EVENTS), 0, OUT), INVAL);

  for (i32 id = 0; id < 2; id++) {
    uint64_t start = now(id);
    subscribe_clock(7, (uint32_t)id, 20000000, 0);
    CHECK(poll_all(), 1);
    expect_event(0, 7, CLOCK, OK, 0);
    uint64_t passed = now(id) - start;
    CHECK(passed >= 20000000, true);
    CHECK(passed < 2000000000, true);
    start = now(id);
    subscribe_clock(8, (uint32_t)id, start + 15000000, 1);
    CHECK(poll_all(), 1);
    expect_event(0, 8, CLOCK, OK, 0);
    CHECK(now(id) >= start + 15000000, true);
    subscribe_clock(9, (uint32_t)id, 1, 1); /* long past */
    subscribe_clock(10, (uint32_t)id, ~(uint64_t)0, 0); /* never */
    CHECK(poll_all(), 1);
    expect_event(0, 9, CLOCK, OK, 0);
  }
  /* The earlier of two; both if both are over. */
  subscribe_clock(1, 1, 3600000000000, 0);
  subscribe_clock(2, 1, 1000000, 0);
  CHECK(poll_all(), 1);
  expect_event(0, 2, CLOCK, OK, 0);
  subscribe_clock(1, 1, 0, 0);
  subscribe_clock(2, 1, 0, 0);
  CHECK(poll_all(), 2);
  expect_event(0, 1, CLOCK, OK, 0);
  expect_event(1, 2, CLOCK, OK, 0);

  /* Files are always ready; the bytes are those up to the end. */
  CHECK(make_file("file", "0123456789"), OK);
  CHECK(open_at(GRANT, 0, "file", 0, R_RW | R_POLL, 0, &fd), OK);
  CHECK(fd_seek(fd, 4, 0, OUT), OK);
  subscribe_fd(11, FD_READ, fd);
  subscribe_clock(12, 1, 3600000000000, 0);
  subscribe_fd(13, FD_WRITE, fd);
  CHECK(poll_all(), 2);
  expect_event(0, 11, FD_READ, OK, 6);
  expect_event(1, 13, FD_WRITE, OK, 0);

  /* What cannot be waited for is told at once. */
  subscribe_fd(14, FD_READ, 99);
  subscribe_fd(15, FD_READ, 1);
  subscribe_fd(16, FD_WRITE, 0);
  subscribe_fd(17, FD_READ, GRANT);
  subscribe_clock(18, 2, 5, 0);
  subscribe_clock(19, 9, 5, 0);
  subscribe_clock(20, 1, 5, 2);
  subscribe(21, 3);
  subscribe_clock(22, 1, 3600000000000, 0);
  CHECK(poll_all(), 8);
  expect_event(0, 14, FD_READ, BADF, 0);
  expect_event(1, 15, FD_READ, NOTCAPABLE, 0);
  expect_event(2, 16, FD_WRITE, NOTCAPABLE, 0);
  expect_event(3, 17, FD_READ, NOTCAPABLE, 0);
  expect_event(4, 18, CLOCK, INVAL, 0);
  expect_event(5, 19, CLOCK, INVAL, 0);
  expect_event(6, 20, CLOCK, INVAL, 0);
  expect_event(7, 21, 3, INVAL, 0);

  /* A silent pipe: the clock wins. */
  subscribe_fd(23, FD_READ, 0);
  subscribe_clock(24, 1, 10000000, 0);
  CHECK(poll_all(), 1);
  expect_event(0, 24, CLOCK, OK, 0);

  /* Many subscriptions. */
  for (uint32_t i = 0; i < 200; i++) subscribe_fd(i, i % 2 ? FD_READ : FD_WRITE, fd);
  CHECK(poll_all(), 200);
  for (uint32_t i = 0; i < 200; i++) expect_event(i, i, i % 2 ? FD_READ : FD_WRITE, OK, i % 2 ? 6 : 0);
  CHECK(poll_oneoff((i32)(area + SUBS), (i32)(area + EVENTS), (i32)0x80000000, OUT), FAULT);
  CHECK(fd_close(fd), OK);
  say("poll done\n");
}
