/* dotdot.c: every path of up to N components (argument 1) out of names, links, "." and "..", with single and double slashes between
 * them and with and without one at the end, through operations that leave the tree as it is, against a model of the tree of
 * escape.c: what leaves the grant at any point is refused there, all else is what POSIX makes of it. */
#include "guest.h"

enum { WORDS = 8 };
static const char *const words[WORDS] = {"..", ".", "in", "deep", "file", "ok_dir", "up", "none"};

/* Where a walk stands: directories of the grant by depth, or an end. */
typedef enum place { TOP, IN, DEEP, A_FILE, ESCAPED, MISSING, NO_DIRECTORY } place;

static place enter(place at, uint32_t word) {
  if (at >= ESCAPED) return at;
  if (at == A_FILE) return NO_DIRECTORY;
  switch (word) {
    case 0: return at == TOP ? ESCAPED : (place)(at - 1);
    case 1: return at;
    case 2: return at == TOP ? IN : MISSING;
    case 3: return at == IN ? DEEP : MISSING;
    case 4: return at == TOP ? A_FILE : MISSING;
    case 5: return at == TOP ? IN : MISSING;
    case 6: return at == TOP || at == DEEP ? ESCAPED : MISSING; /* `up` leads to "..", `in/deep/up` to "../../..". */
    default: return MISSING;
  }
}

static uint32_t tried;

/* Operations that fail on whatever is there. */
static void expect_all(const char *path, place end, bool slash) {
  i32 fd;
  i32 common = end == ESCAPED ? NOTCAPABLE : end == MISSING ? NOENT : end == NO_DIRECTORY || (end == A_FILE && slash) ? NOTDIR : OK;
  i32 r = path_filestat_get(GRANT, FOLLOW, PATH(path), OUT);
  if (r != common) fail("stat", 0, path, r, common);
  if (r == OK && (*at(area + 16) == T_DIRECTORY) != (end != A_FILE)) fail("type", 0, path, *at(area + 16), 0);
  r = open_at(GRANT, FOLLOW, path, 0, R_READ, 0, &fd);
  if (r != common) fail("open", 0, path, r, common);
  if (r == OK) CHECK(fd_close(fd), OK);
  r = path_filestat_set_times(GRANT, FOLLOW, PATH(path), 0, 0, 0);
  if (end == ESCAPED && r != common) fail("times", 0, path, r, common);
  r = path_create_directory(GRANT, PATH(path));
  /* Where only the last name is missing it would be made: then another name that exists is asked for. */
  if (r == OK) {
    if (end != MISSING) fail("mkdir", 0, path, r, common);
    CHECK(path_remove_directory(GRANT, PATH(path)), OK);
  } else if (end == ESCAPED && r != NOTCAPABLE && r != EXIST) fail("mkdir", 0, path, r, NOTCAPABLE);
  tried += 4;
}

/* The last component, which operations that do not follow act on themselves. */
static void expect_refused(const char *path) {
  i32 fd;
  struct {
    const char *name;
    i32 result;
  } done[] = {
      {"lstat", path_filestat_get(GRANT, 0, PATH(path), OUT)},
      {"creat", open_at(GRANT, 0, path, CREAT | TRUNC, R_RW, 0, &fd)},
      {"open dir", open_at(GRANT, 0, path, DIRECTORY, 0, 0, &fd)},
      {"lutimes", path_filestat_set_times(GRANT, 0, PATH(path), 0, 0, 0)},
      {"unlink", path_unlink_file(GRANT, PATH(path))},
      {"rmdir", path_remove_directory(GRANT, PATH(path))},
      {"readlink", path_readlink(GRANT, PATH(path), (i32)(area + DATA), 100, OUT)},
      {"symlink", path_symlink(PATH2("x"), GRANT, PATH(path))},
      {"link from", path_link(GRANT, 0, PATH(path), GRANT, PATH2("stolen"))},
      {"link from, followed", path_link(GRANT, FOLLOW, PATH(path), GRANT, PATH2("stolen"))},
      {"link to", path_link(GRANT, 0, PATH2("file"), GRANT, PATH(path))},
      {"rename from", path_rename(GRANT, PATH(path), GRANT, PATH2("stolen"))},
      {"rename to", path_rename(GRANT, PATH2("victim"), GRANT, PATH(path))},
  };
  for (size_t i = 0; i < sizeof done / sizeof done[0]; i++)
    if (done[i].result != NOTCAPABLE) fail(done[i].name, 0, path, done[i].result, NOTCAPABLE);
  tried += sizeof done / sizeof done[0];
}

void scenario(void) {
  CHECK(args_sizes_get(OUT, OUT + 4), OK);
  CHECK(load32(area), 2);
  CHECK(args_get(OUT, OUT + 64), OK);
  uint32_t most = (uint32_t)(*at(load32(area + 4)) - '0');
  CHECK(most >= 3 && most <= 5, true);
  for (uint32_t depth = 1; depth <= most; depth++) {
    uint32_t all = 1;
    for (uint32_t i = 0; i < depth; i++) all *= WORDS;
    for (uint32_t code = 0; code < all; code++)
      for (uint32_t form = 0; form < 4; form++) {
        char path[64];
        size_t n = 0;
        place end = TOP;
        bool before_last = false; /* out of the grant before the last component, or by a last ".." */
        uint32_t rest = code;
        for (uint32_t i = 0; i < depth; i++, rest /= WORDS) {
          const char *word = words[rest % WORDS];
          if (i != 0) {
            path[n++] = '/';
            if (form & 2) path[n++] = '/';
          }
          memcpy(path + n, word, strlen(word));
          n += strlen(word);
          end = enter(end, rest % WORDS);
          if (end == ESCAPED && (i + 1 < depth || rest % WORDS == 0)) before_last = true;
        }
        if (form & 1) path[n++] = '/';
        path[n] = 0;
        expect_all(path, end, form & 1);
        if (before_last) expect_refused(path);
      }
  }
  say("dotdot done ");
  say_number(tried);
  say("\n");
}
