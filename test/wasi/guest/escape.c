/* escape.c: every path operation on every way out. The tree is made by the test (wasi.test.ts, escapeTree): beside the
 * grant lies `outside` with the file `secret` and the directory `dir`; in the grant lie links of all kinds and a second
 * grant is descriptor 4. Each result is printed, so that the test can compare the two ways of resolving; whether the
 * outside was touched is for the test to see. */
#include "guest.h"

enum { SECOND = 4 };

/* Whoever breaks what this tests runs it, too, perhaps as root: nothing here names what a host needs.
 * These lead out before their last component: every operation refuses. */
static const char *const through[] = {
    "..", "../", "./..", "../.", "../..", "../outside", "../outside/secret", "in/../..", "in/../../outside/secret",
    "in/..//../outside/secret", "in/./../../grant/file", "../grant/file", "/", "/wasm2native-none", "//", "/..", "/.",
    "out_dir/secret", "out_dir/.", "out_dir/..", "out_dir/../grant/file", "out_dir/new", "abs_dir/secret",
    "abs_dir/.", "abs_dir/dir/inner", "in/abs_dir/secret", "chain_dir/secret", "in/up_dir/secret", "in/up_root/outside/secret",
    "in/deep/up/outside/secret", "root/wasm2native-none", "self_up/../../outside/secret", "in/deep/../../../outside/secret",
};
/* These are links out: followed, an operation refuses; not followed, it acts on the link. */
static const char *const last[] = {"out_file", "out_dir", "abs_file", "abs_dir", "chain_file", "chain_dir",
                                   "dangling_out", "in/up_dir", "in/abs_dir", "root", "up"};
/* These stay inside or lead nowhere: here the two ways of resolving are compared. */
static const char *const inside[] = {
    "", ".", "./", "in", "in/", "in/.", "in/..", "in/../", "in//deep", "in/deep/../..", "in/deep/../../file", "file", "file/",
    "file/.", "file/..", "file/x", "./file", "nothing", "nothing/", "nothing/..", "nothing/x", "loop1", "loop1/", "loop1/x", "loop_self",
    "dangling_in", "dangling_in/", "dangling_in/x", "ok_file", "ok_file/", "ok_file/x", "ok_dir", "ok_dir/", "ok_dir/deep",
    "ok_dir/../file", "ok_chain", "in/back", "in/back/../file", "in/deep/to_file", "slash_link", "slash_link/deep", "dot_link", "dot_link/file",
    "links39", "links40", "links41", "\xff\xfe", "a b", "...", "..file", ".../x", "self_up", "self_up/in",
};
#define COUNT(a) (sizeof(a) / sizeof(a)[0])

static void log_result(const char *op, const char *path, i32 r) {
  say(op);
  say(" ");
  say(path);
  say(" ");
  say_number(r);
  say("\n");
}

/* Opens, and whatever opens may not be the secret. */
static i32 try_open(const char *path, i32 lookup, i32 oflags, i64 rights) {
  i32 fd;
  uint32_t done;
  i32 r = open_at(GRANT, lookup, path, oflags, rights, 0, &fd);
  if (r != OK) return r;
  if (rights & R_READ && read_text(fd, 6, &done) == OK && done == 6 && memcmp(at(area + DATA), "SECRET", 6) == 0)
    fail(__FILE__, __LINE__, path, 1, 0);
  CHECK(fd_close(fd), OK);
  return OK;
}

typedef struct operation {
  const char *name;
  bool follows;
  i32 (*run)(const char *path);
} operation;

#define OP(name, expression) \
  static i32 name(const char *p) { return expression; }
OP(open_read, try_open(p, FOLLOW, 0, R_READ))
OP(open_write, try_open(p, FOLLOW, 0, R_READ | R_WRITE))
OP(open_creat, try_open(p, FOLLOW, CREAT, R_READ | R_WRITE))
OP(open_trunc, try_open(p, FOLLOW, TRUNC, R_READ | R_WRITE))
OP(open_dir, try_open(p, FOLLOW, DIRECTORY, 0))
OP(open_read_no, try_open(p, 0, 0, R_READ))
OP(open_creat_no, try_open(p, 0, CREAT, R_READ | R_WRITE))
OP(open_excl, try_open(p, FOLLOW, CREAT | EXCL, R_READ | R_WRITE))
OP(open_trunc_no, try_open(p, 0, TRUNC, R_WRITE))
OP(open_dir_no, try_open(p, 0, DIRECTORY, 0))
OP(stat_follow, path_filestat_get(GRANT, FOLLOW, PATH(p), OUT))
OP(stat_no, path_filestat_get(GRANT, 0, PATH(p), OUT))
OP(times_follow, path_filestat_set_times(GRANT, FOLLOW, PATH(p), 1, 1, 5))
OP(times_no, path_filestat_set_times(GRANT, 0, PATH(p), 1, 1, 5))
OP(link_follow, path_link(GRANT, FOLLOW, PATH(p), GRANT, PATH2("stolen")))
OP(link_no, path_link(GRANT, 0, PATH(p), GRANT, PATH2("stolen")))
OP(link_to, path_link(GRANT, 0, PATH2("file"), GRANT, PATH(p)))
OP(rename_from, path_rename(GRANT, PATH(p), GRANT, PATH2("stolen")))
OP(rename_to, path_rename(GRANT, PATH2("victim"), GRANT, PATH(p)))
OP(rename_across, path_rename(SECOND, PATH2("second_file"), GRANT, PATH(p)))
OP(symlink_at, path_symlink(PATH2("file"), GRANT, PATH(p)))
OP(make_dir, path_create_directory(GRANT, PATH(p)))
OP(remove_dir, path_remove_directory(GRANT, PATH(p)))
OP(unlink_it, path_unlink_file(GRANT, PATH(p)))
OP(read_link, path_readlink(GRANT, PATH(p), (i32)(area + DATA), 4096, OUT))

static const operation following[] = {
    {"open_read", true, open_read},     {"open_write", true, open_write},   {"open_creat", true, open_creat},
    {"open_trunc", true, open_trunc},   {"open_dir", true, open_dir},       {"stat_follow", true, stat_follow},
    {"times_follow", true, times_follow}, {"link_follow", true, link_follow},
};
static const operation others[] = {
    {"open_read_no", false, open_read_no}, {"open_creat_no", false, open_creat_no}, {"open_excl", false, open_excl},
    {"open_trunc_no", false, open_trunc_no}, {"open_dir_no", false, open_dir_no}, {"stat_no", false, stat_no},
    {"times_no", false, times_no},         {"link_no", false, link_no},           {"link_to", false, link_to},
    {"rename_from", false, rename_from},   {"rename_to", false, rename_to},       {"rename_across", false, rename_across},
    {"symlink_at", false, symlink_at},     {"make_dir", false, make_dir},         {"remove_dir", false, remove_dir},
    {"unlink_it", false, unlink_it},       {"read_link", false, read_link},
};

static void run(const operation *op, const char *path, i32 wanted) {
  i32 r = op->run(path);
  log_result(op->name, path, r);
  if (r != wanted) fail(op->name, 0, path, r, wanted);
}

static void run_inside(const operation *op, const char *path) {
  if (op->run == rename_from && strcmp(path, "self_up/in") == 0) return; /* Its way back leads through itself. */
  i32 r = op->run(path);
  log_result(op->name, path, r);
  /* What an operation made is taken back, so that the next one finds the tree as it was. */
  if (r != OK) return;
  if (op->run == link_follow || op->run == link_no) CHECK(path_unlink_file(GRANT, PATH("stolen")), OK);
  if (op->run == link_to || op->run == symlink_at) CHECK(path_unlink_file(GRANT, PATH(path)), OK);
  if (op->run == make_dir) CHECK(path_remove_directory(GRANT, PATH(path)), OK);
  if (op->run == open_creat || op->run == open_creat_no || op->run == open_excl) {
    if (strcmp(path, "nothing") == 0 || path[0] == '\xff' || strcmp(path, "a b") == 0 || strcmp(path, "...") == 0 ||
        strcmp(path, "..file") == 0)
      CHECK(path_unlink_file(GRANT, PATH(path)), OK);
    if (strcmp(path, "dangling_in") == 0) CHECK(path_unlink_file(GRANT, PATH("missing")), OK);
  }
  if (op->run == rename_from) CHECK(path_rename(GRANT, PATH2("stolen"), GRANT, PATH(path)), OK);
}

static bool changes_for_good(const operation *op) {
  return op->run == rename_to || op->run == rename_across || op->run == remove_dir || op->run == unlink_it;
}

/* Hard links and renames from grant to grant: inside both they work, neither way leads out, and rights hold. */
static void across(void) {
  static const char *const out[] = {"../outside/secret", "../grant/file", "..", "/wasm2native-none", "back/../../outside/secret"};
  i32 source, target;
  CHECK(path_create_directory(SECOND, PATH("back")), OK);
  for (size_t i = 0; i < COUNT(out); i++) {
    CHECK(path_link(SECOND, 0, PATH(out[i]), GRANT, PATH2("stolen")), NOTCAPABLE);
    CHECK(path_link(SECOND, FOLLOW, PATH(out[i]), GRANT, PATH2("stolen")), NOTCAPABLE);
    CHECK(path_link(GRANT, 0, PATH2("file"), SECOND, PATH(out[i])), NOTCAPABLE);
    CHECK(path_rename(SECOND, PATH(out[i]), GRANT, PATH2("stolen")), NOTCAPABLE);
    CHECK(path_rename(GRANT, PATH2("file"), SECOND, PATH(out[i])), NOTCAPABLE);
    CHECK(path_symlink(PATH2("file"), SECOND, PATH(out[i])), NOTCAPABLE);
  }
  /* A file with a name in each. */
  CHECK(path_link(GRANT, 0, PATH("file"), SECOND, PATH2("hard")), OK);
  CHECK(path_filestat_get(SECOND, 0, PATH("hard"), OUT), OK);
  CHECK(load64(area + 24), 2);
  uint64_t inode = load64(area + 8);
  CHECK(path_link(SECOND, FOLLOW, PATH("hard"), GRANT, PATH2("in/hard")), OK);
  CHECK(path_filestat_get(GRANT, 0, PATH("in/hard"), OUT), OK);
  CHECK(load64(area + 8) == inode, true);
  CHECK(path_rename(SECOND, PATH("hard"), GRANT, PATH2("in/deep/hard")), OK);
  CHECK(path_filestat_get(SECOND, 0, PATH("hard"), OUT), NOENT);
  /* A link out stays one wherever it is linked or moved; one that stays inside leads out when it is moved up. */
  CHECK(path_link(GRANT, 0, PATH("out_file"), SECOND, PATH2("out_file")), OK);
  CHECK(path_open(SECOND, FOLLOW, PATH("out_file"), 0, R_READ, 0, 0, OUT), NOTCAPABLE);
  CHECK(path_link(SECOND, FOLLOW, PATH("out_file"), GRANT, PATH2("stolen")), NOTCAPABLE);
  CHECK(path_symlink(PATH2("../../file"), GRANT, PATH("in/deep/moves")), OK);
  CHECK(try_open("in/deep/moves", FOLLOW, 0, R_READ), OK);
  CHECK(path_rename(GRANT, PATH("in/deep/moves"), GRANT, PATH2("in/moves")), OK);
  CHECK(try_open("in/moves", FOLLOW, CREAT, R_READ | R_WRITE), NOTCAPABLE);
  CHECK(path_filestat_get(GRANT, FOLLOW, PATH("in/moves"), OUT), NOTCAPABLE);
  /* A directory that is moved up while it is open: ".." from it is counted from where it was opened, if that. */
  CHECK(path_open(GRANT, 0, PATH("in/deep"), DIRECTORY, R_ALL & 0x7fffe00, R_ALL, 0, OUT), OK);
  source = (i32)load32(area);
  CHECK(path_open(source, FOLLOW, PATH("../moves"), 0, R_READ, 0, 0, OUT), NOTCAPABLE);
  CHECK(path_open(source, FOLLOW, PATH(".."), DIRECTORY, 0, 0, 0, OUT), NOTCAPABLE);
  CHECK(path_rename(GRANT, PATH("in/deep"), SECOND, PATH2("deep")), OK);
  CHECK(path_open(source, FOLLOW, PATH("../second_file"), 0, R_READ, 0, 0, OUT), NOTCAPABLE);
  CHECK(path_filestat_get(source, 0, PATH("hard"), OUT), OK);
  CHECK(path_rename(SECOND, PATH("deep"), GRANT, PATH2("in/deep")), OK);
  /* Without the rights at either end nothing is linked or moved. */
  CHECK(path_open(GRANT, 0, PATH("."), DIRECTORY, R_ALL & 0x7fffe00, R_ALL, 0, OUT), OK);
  target = (i32)load32(area);
  CHECK(fd_fdstat_set_rights(source, R_ALL & 0x7bffe00 & ~((i64)1 << 11 | (i64)1 << 16), R_ALL), OK);
  CHECK(path_link(source, 0, PATH("hard"), target, PATH2("stolen")), NOTCAPABLE);
  CHECK(path_rename(source, PATH("hard"), target, PATH2("stolen")), NOTCAPABLE);
  CHECK(path_link(target, 0, PATH("file"), source, PATH2("other")), OK);
  CHECK(path_unlink_file(source, PATH("other")), OK);
  CHECK(fd_fdstat_set_rights(target, R_ALL & 0x7bffe00 & ~((i64)1 << 12 | (i64)1 << 17), R_ALL), OK);
  CHECK(path_link(GRANT, 0, PATH("file"), target, PATH2("stolen")), NOTCAPABLE);
  CHECK(path_rename(GRANT, PATH("file"), target, PATH2("stolen")), NOTCAPABLE);
  CHECK(fd_close(source), OK);
  CHECK(fd_close(target), OK);
  CHECK(path_unlink_file(GRANT, PATH("in/deep/hard")), OK);
  CHECK(path_unlink_file(GRANT, PATH("in/hard")), OK);
  CHECK(path_unlink_file(GRANT, PATH("in/moves")), OK);
  CHECK(path_unlink_file(SECOND, PATH("out_file")), OK);
  CHECK(path_remove_directory(SECOND, PATH("back")), OK);
}

void scenario(void) {
  across();
  for (size_t i = 0; i < COUNT(through); i++) {
    for (size_t k = 0; k < COUNT(following); k++) run(&following[k], through[i], NOTCAPABLE);
    for (size_t k = 0; k < COUNT(others); k++) run(&others[k], through[i], NOTCAPABLE);
  }
  for (size_t i = 0; i < COUNT(last); i++) {
    const char *p = last[i];
    char slash[64];
    size_t n = strlen(p);
    memcpy(slash, p, n);
    memcpy(slash + n, "/", 2);
    for (size_t k = 0; k < COUNT(following); k++) {
      run(&following[k], p, NOTCAPABLE);
      run(&following[k], slash, following[k].run == open_creat ? ISDIR : NOTCAPABLE);
    }
    bool absolute = strstr(p, "abs") != NULL || strcmp(p, "root") == 0;
    run(&others[0], p, LOOP);
    run(&others[1], p, LOOP);
    run(&others[2], p, EXIST);
    run(&others[3], p, LOOP);
    run(&others[4], p, NOTDIR);
    run(&others[5], p, OK);
    CHECK(*at(area + 16), T_SYMLINK);
    run(&others[8], p, EXIST); /* link_to */
    run(&others[12], p, EXIST);
    run(&others[13], p, EXIST);
    run(&others[14], p, NOTDIR);
    run(&others[16], p, absolute ? NOTCAPABLE : OK);
    for (size_t k = 0; k < COUNT(others); k++) {
      if (changes_for_good(&others[k]) || others[k].run == rename_from) continue;
      i32 r = others[k].run(slash);
      log_result(others[k].name, slash, r);
      if (r == OK) fail(others[k].name, 0, slash, r, -1);
    }
  }
  for (size_t i = 0; i < COUNT(inside); i++) {
    for (size_t k = 0; k < COUNT(following); k++) run_inside(&following[k], inside[i]);
    for (size_t k = 0; k < COUNT(others); k++)
      if (!changes_for_good(&others[k])) run_inside(&others[k], inside[i]);
  }
  /* At the end those that change the tree for good. */
  for (size_t i = 0; i < COUNT(inside); i++) {
    if (strcmp(inside[i], "file") == 0 || strncmp(inside[i], "in", 2) == 0) continue;
    for (size_t k = 0; k < COUNT(others); k++)
      if (changes_for_good(&others[k])) log_result(others[k].name, inside[i], others[k].run(inside[i]));
  }
  for (size_t i = 0; i < COUNT(last); i++) run(&others[15], last[i], OK); /* unlink_it: the link itself */

  /* Long names: a component of 256 bytes, a path of 4095 and of 4096 bytes; NUL in each place. */
  static char big[5000];
  memset(big, 'a', 256);
  CHECK(path_create_directory(GRANT, PATH(big)), NAMETOOLONG);
  CHECK(path_filestat_get(GRANT, FOLLOW, PATH(big), OUT), NAMETOOLONG);
  CHECK(try_open(big, FOLLOW, CREAT, R_READ), NAMETOOLONG);
  for (int i = 0; i < 4095; i++) big[i] = i % 2 ? '/' : '.';
  big[4095] = 0;
  CHECK(path_filestat_get(GRANT, FOLLOW, PATH(big), OUT), OK);
  CHECK(try_open(big, FOLLOW, DIRECTORY, 0), OK);
  big[4095] = '/';
  big[4096] = 0;
  CHECK(path_filestat_get(GRANT, FOLLOW, PATH(big), OUT), NAMETOOLONG);
  CHECK(try_open(big, FOLLOW, DIRECTORY, 0), NAMETOOLONG);
  for (i32 i = 0; i < 5; i++) {
    put_text(PATH_A, "file2");
    *at(area + PATH_A + (uint32_t)i) = 0;
    CHECK(path_open(GRANT, 0, (i32)area + PATH_A, 5, CREAT, R_READ, 0, 0, OUT), INVAL);
    CHECK(path_unlink_file(GRANT, (i32)area + PATH_A, 5), INVAL);
    CHECK(path_create_directory(GRANT, (i32)area + PATH_A, 5), INVAL);
    CHECK(path_symlink((i32)area + PATH_A, 5, GRANT, PATH2("z")), INVAL);
    CHECK(path_filestat_get(GRANT, 0, (i32)area + PATH_A, 5, OUT), INVAL);
  }
  CHECK(path_symlink(PATH2("/wasm2native-none"), GRANT, PATH("z")), NOTCAPABLE);
  CHECK(path_symlink(PATH2(""), GRANT, PATH("z")), NOENT);
  CHECK(path_open(GRANT, 2, PATH("file"), 0, R_READ, 0, 0, OUT), INVAL);
  CHECK(path_open(GRANT, 0, PATH("file"), 16, R_READ, 0, 0, OUT), INVAL);
  CHECK(path_open(GRANT, 0, PATH("file"), 0, R_READ, 0, 32, OUT), INVAL);
  say("escape done\n");
}
