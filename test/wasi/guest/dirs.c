/* dirs.c: fd_readdir: cookies, buffers of every size, entries made and removed while reading. The grant is an empty
 * directory. */
#include "guest.h"

enum { FILES = 700, HEAD = 24 };

static void name_of(int i, char *out) {
  memcpy(out, "file-000-with-a-long-tail-0123456789", 37);
  for (int k = 7; k >= 5; k--, i /= 10) out[k] = (char)('0' + i % 10);
}

static uint8_t seen[FILES];
static int dots;

/* Reads on from *cookie with a buffer of `room` bytes and notes the complete entries. False at the end. */
static bool batch(i32 fd, uint32_t room, uint64_t *cookie, uint32_t most) {
  memset(at(area + DATA), 0xee, room + 8);
  CHECK(fd_readdir(fd, (i32)(area + DATA), (i32)room, (i64)*cookie, OUT), OK);
  uint32_t used = load32(area), from = area + DATA, entries = 0;
  CHECK(used <= room, true);
  CHECK(*at(area + DATA + room), 0xee);
  for (uint32_t left = used; left >= HEAD && entries < most;) {
    uint32_t n = load32(from + 16);
    if (left < HEAD + n) break;
    const char *name = (const char *)at(from + HEAD);
    CHECK(*at(from + 21) | *at(from + 22) | *at(from + 23), 0);
    if (n == 1 && name[0] == '.') {
      dots |= 1;
      CHECK(*at(from + 20), T_DIRECTORY);
      CHECK(load64(from + 8) != 0, true);
    } else if (n == 2 && name[0] == '.' && name[1] == '.') {
      dots |= 2;
      CHECK(load64(from + 8), 0); /* Nothing of what lies above. */
    } else {
      CHECK(n, 36);
      CHECK(*at(from + 20), T_REGULAR);
      CHECK(load64(from + 8) != 0, true);
      seen[(name[5] - '0') * 100 + (name[6] - '0') * 10 + (name[7] - '0')]++;
    }
    *cookie = load64(from);
    from += HEAD + n;
    left -= HEAD + n;
    entries++;
  }
  return used == room || entries == most;
}

static void expect_all(int from, int step) {
  for (int i = 0; i < FILES; i++) CHECK(seen[i], i >= from && i % step == 0);
  CHECK(dots, 3);
  memset(seen, 0, sizeof seen);
  dots = 0;
}

void scenario(void) {
  char path[40];
  i32 fd;
  for (int i = 0; i < FILES; i++) {
    name_of(i, path);
    CHECK(make_file(path, ""), OK);
  }
  CHECK(open_at(GRANT, 0, ".", DIRECTORY, R_READDIR, 0, &fd), OK);
  static const uint32_t rooms[] = {60, 61, 83, 84, 100, 120, 121, 256, 1024, 4096, 32000};
  for (size_t k = 0; k < sizeof rooms / sizeof rooms[0]; k++) {
    uint64_t cookie = 0;
    while (batch(fd, rooms[k], &cookie, ~0u)) {
    }
    expect_all(0, 1);
  }
  /* Every cookie leads on to the same rest, whichever call gave it. */
  for (uint32_t most = 1; most < 8; most += 3) {
    uint64_t cookie = 0;
    while (batch(fd, 4096, &cookie, most)) {
    }
    expect_all(0, 1);
  }
  /* Buffers too small for anything; an empty one. */
  for (uint32_t room = 0; room < 26; room++) {
    CHECK(fd_readdir(fd, (i32)(area + DATA), (i32)room, 0, OUT), OK);
    CHECK(load32(area), room);
  }
#ifndef PORTABLE /* There a cookie is a count, and behind the end there is nothing. */
  CHECK(fd_readdir(fd, (i32)(area + DATA), 4096, -1, OUT) != OK, true);
#endif
  CHECK(fd_readdir(fd, (i32)(area + DATA), 4096, (i64)0x7fffffffffffffff, OUT) == OK ? load32(area) <= 4096 : true, true);
  /* What is read is removed: nothing is missed. */
  uint64_t cookie = 0;
  for (;;) {
    bool more = batch(fd, 500, &cookie, ~0u);
    for (int i = 0; i < FILES; i++)
      if (seen[i] == 1) {
        name_of(i, path);
        seen[i] = 2;
        CHECK(path_unlink_file(GRANT, PATH(path)), OK);
      }
    if (!more) break;
  }
  for (int i = 0; i < FILES; i++) CHECK(seen[i], 2);
  memset(seen, 0, sizeof seen);
  dots = 0;
  /* From the start again: it is empty, and a new file appears. */
  cookie = 0;
  CHECK(batch(fd, 4096, &cookie, ~0u), false);
  CHECK(dots, 3);
  name_of(5, path);
  CHECK(make_file(path, ""), OK);
  cookie = 0;
  CHECK(batch(fd, 4096, &cookie, ~0u), false);
  CHECK(seen[5], 1);
  /* A directory that is removed while open is empty. */
  CHECK(path_create_directory(GRANT, PATH("gone")), OK);
  i32 gone;
  CHECK(open_at(GRANT, 0, "gone", DIRECTORY, R_READDIR, 0, &gone), OK);
  CHECK(path_remove_directory(GRANT, PATH("gone")), OK);
  CHECK(fd_readdir(gone, (i32)(area + DATA), 4096, 0, OUT), OK);
  CHECK(load32(area), 0);
  CHECK(fd_close(gone), OK);
  CHECK(fd_close(fd), OK);
  say("dirs done\n");
}
