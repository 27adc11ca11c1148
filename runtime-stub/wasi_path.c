/* wasi_path.c: operations on paths. Each resolves the directory and acts on the last component with a call that does
 * not follow; a trailing slash is never shown to the kernel, which would follow a link there: what it demands (that
 * the thing be a directory) is checked here. */
#include "wasi_internal.h"

#include <stdio.h> /* renameat */

/* The directory `fd` with the rights, and the path copied to `out`. */
static int32_t enter(w2n_instance *caller, int32_t fd, uint64_t rights, int32_t path, int32_t bytes, char *out,
                     wasi_entry **e) {
  wasi_memory m = wasi_memory_of(caller);
  int32_t r = wasi_get(wasi_context(caller), fd, rights, e);
  return r != WASI_OK ? r : wasi_copy_path(&m, path, bytes, out);
}

/* enter, then resolve. On success wasi_release is due. */
static int32_t find(w2n_instance *caller, int32_t fd, uint64_t rights, int32_t path, int32_t bytes, wasi_follow follow,
                    wasi_place *p) {
  char text[WASI_PATH_MAX];
  wasi_entry *e;
  int32_t r = enter(caller, fd, rights, path, bytes, text, &e);
  return r != WASI_OK ? r : wasi_resolve(wasi_context(caller), e, text, follow, p);
}

static int32_t finish(wasi_place *p, int host) {
  int32_t r = host == 0 ? WASI_OK : wasi_errno(errno);
  wasi_release(p);
  return r;
}

/* Whether what a place names is a directory: WASI_OK, NOTDIR or the error of looking. */
static int32_t demand_directory(const wasi_place *p) {
  struct stat st;
  if (fstatat(p->dir, p->name, &st, AT_SYMLINK_NOFOLLOW) != 0) return wasi_errno(errno);
  return S_ISDIR(st.st_mode) ? WASI_OK : WASI_NOTDIR;
}

int32_t wasi_snapshot_preview1__path_create_directory(w2n_instance *caller, int32_t fd, int32_t path, int32_t bytes) {
  wasi_place p;
  int32_t r = find(caller, fd, WASI_R_CREATE_DIRECTORY, path, bytes, WASI_NEVER, &p);
  return r != WASI_OK ? r : finish(&p, mkdirat(p.dir, p.name, 0777));
}

int32_t wasi_snapshot_preview1__path_remove_directory(w2n_instance *caller, int32_t fd, int32_t path, int32_t bytes) {
  wasi_place p;
  int32_t r = find(caller, fd, WASI_R_REMOVE_DIRECTORY, path, bytes, WASI_NEVER, &p);
  return r != WASI_OK ? r : finish(&p, unlinkat(p.dir, p.name, AT_REMOVEDIR));
}

int32_t wasi_snapshot_preview1__path_unlink_file(w2n_instance *caller, int32_t fd, int32_t path, int32_t bytes) {
  wasi_place p;
  int32_t r = find(caller, fd, WASI_R_UNLINK_FILE, path, bytes, WASI_NEVER, &p);
  if (r != WASI_OK) return r;
  if (p.slash) {
    r = demand_directory(&p);
    wasi_release(&p);
    return r == WASI_OK ? WASI_ISDIR : r;
  }
  return finish(&p, unlinkat(p.dir, p.name, 0));
}

int32_t wasi_snapshot_preview1__path_symlink(w2n_instance *caller, int32_t old_path, int32_t old_bytes, int32_t fd,
                                             int32_t path, int32_t bytes) {
  wasi_memory m = wasi_memory_of(caller);
  char target[WASI_PATH_MAX];
  wasi_place p;
  int32_t r = wasi_copy_path(&m, old_path, old_bytes, target);
  if (r != WASI_OK) return r;
  if (target[0] == '/') return WASI_NOTCAPABLE; /* It could never be followed here, but by others outside. */
  r = find(caller, fd, WASI_R_SYMLINK, path, bytes, WASI_NEVER, &p);
  if (r != WASI_OK) return r;
  if (p.slash) {
    /* A link is no directory: NOENT if nothing is there, else EXIST. */
    struct stat st;
    r = fstatat(p.dir, p.name, &st, AT_SYMLINK_NOFOLLOW) == 0 ? S_ISDIR(st.st_mode) ? WASI_EXIST : WASI_NOTDIR
                                                              : wasi_errno(errno);
    wasi_release(&p);
    return r;
  }
  return finish(&p, symlinkat(target, p.dir, p.name));
}

int32_t wasi_snapshot_preview1__path_readlink(w2n_instance *caller, int32_t fd, int32_t path, int32_t bytes,
                                              int32_t buffer, int32_t room, int32_t used) {
  wasi_memory m = wasi_memory_of(caller);
  char target[WASI_PATH_MAX];
  wasi_place p;
  uint8_t *out = wasi_at(&m, buffer, (uint32_t)room), *result = wasi_at(&m, used, 4);
  int32_t r = find(caller, fd, WASI_R_READLINK, path, bytes, WASI_IF_SLASH, &p);
  if (r != WASI_OK) return r;
  if (out == NULL || result == NULL) r = WASI_FAULT;
  else if (p.slash && (r = demand_directory(&p)) == WASI_OK) r = WASI_INVAL;
  if (r != WASI_OK) {
    wasi_release(&p);
    return r;
  }
  ssize_t n = readlinkat(p.dir, p.name, target, sizeof target);
  r = finish(&p, n < 0);
  if (r != WASI_OK) return r;
  if (target[0] == '/') return WASI_NOTCAPABLE; /* A path of the host. */
  size_t copied = (size_t)n < (uint32_t)room ? (size_t)n : (uint32_t)room;
  memcpy(out, target, copied);
  wasi_store32(result, (uint32_t)copied);
  return WASI_OK;
}

int32_t wasi_snapshot_preview1__path_link(w2n_instance *caller, int32_t old_fd, int32_t lookup, int32_t old_path,
                                          int32_t old_bytes, int32_t fd, int32_t path, int32_t bytes) {
  wasi_place from, to;
  if (lookup & ~WASI_SYMLINK_FOLLOW) return WASI_INVAL;
  int32_t r = find(caller, old_fd, WASI_R_LINK_SOURCE, old_path, old_bytes, lookup ? WASI_ALWAYS : WASI_IF_SLASH, &from);
  if (r != WASI_OK) return r;
  if (from.slash) r = demand_directory(&from);
  if (r == WASI_OK) r = find(caller, fd, WASI_R_LINK_TARGET, path, bytes, WASI_NEVER, &to);
  if (r != WASI_OK) {
    wasi_release(&from);
    return r;
  }
  if (to.slash) {
    r = demand_directory(&to);
    if (r == WASI_OK) r = WASI_EXIST;
  } else if (linkat(from.dir, from.name, to.dir, to.name, 0) != 0) r = wasi_errno(errno);
  wasi_release(&from);
  wasi_release(&to);
  return r;
}

int32_t wasi_snapshot_preview1__path_rename(w2n_instance *caller, int32_t old_fd, int32_t old_path, int32_t old_bytes,
                                            int32_t fd, int32_t path, int32_t bytes) {
  wasi_place from, to;
  int32_t r = find(caller, old_fd, WASI_R_RENAME_SOURCE, old_path, old_bytes, WASI_NEVER, &from);
  if (r != WASI_OK) return r;
  r = find(caller, fd, WASI_R_RENAME_TARGET, path, bytes, WASI_NEVER, &to);
  if (r != WASI_OK) {
    wasi_release(&from);
    return r;
  }
  if (from.slash || to.slash) r = demand_directory(&from);
  if (r == WASI_OK && renameat(from.dir, from.name, to.dir, to.name) != 0) r = wasi_errno(errno);
  wasi_release(&from);
  wasi_release(&to);
  return r;
}

int32_t wasi_path_filestat(w2n_instance *caller, int32_t fd, int32_t lookup, int32_t path, int32_t bytes,
                           uint8_t out[64]) {
  char text[WASI_PATH_MAX];
  wasi_place p;
  wasi_entry *e;
  struct stat st;
  if (lookup & ~WASI_SYMLINK_FOLLOW) return WASI_INVAL;
  int32_t r = enter(caller, fd, WASI_R_PATH_FILESTAT_GET, path, bytes, text, &e);
  if (r != WASI_OK) return r;
  /* Most files are no links: the second round is for those that are. */
  for (wasi_follow follow = WASI_IF_SLASH;; follow = WASI_ALWAYS) {
    if ((r = wasi_resolve(wasi_context(caller), e, text, follow, &p)) != WASI_OK) return r;
    bool slash = p.slash;
    r = finish(&p, fstatat(p.dir, p.name, &st, AT_SYMLINK_NOFOLLOW));
    if (r != WASI_OK) return r;
    if (S_ISLNK(st.st_mode) && lookup && follow == WASI_IF_SLASH) continue;
    if (slash && !S_ISDIR(st.st_mode)) return WASI_NOTDIR;
    wasi_put_filestat(out, &st, wasi_filetype(st.st_mode));
    return WASI_OK;
  }
}

int32_t wasi_snapshot_preview1__path_filestat_get(w2n_instance *caller, int32_t fd, int32_t lookup, int32_t path,
                                                  int32_t bytes, int32_t result) {
  wasi_memory m = wasi_memory_of(caller);
  uint8_t *out = wasi_at(&m, result, 64);
  return out == NULL ? WASI_FAULT : wasi_path_filestat(caller, fd, lookup, path, bytes, out);
}

int32_t wasi_snapshot_preview1__path_filestat_set_times(w2n_instance *caller, int32_t fd, int32_t lookup, int32_t path,
                                                        int32_t bytes, int64_t atim, int64_t mtim, int32_t flags) {
  wasi_place p;
  struct timespec times[2];
  if (lookup & ~WASI_SYMLINK_FOLLOW) return WASI_INVAL;
  int32_t r = find(caller, fd, WASI_R_PATH_FILESTAT_SET_TIMES, path, bytes, lookup ? WASI_ALWAYS : WASI_IF_SLASH, &p);
  if (r != WASI_OK) return r;
  if (p.slash) r = demand_directory(&p);
  if (r == WASI_OK) r = wasi_times(wasi_context(caller), atim, mtim, flags, times);
  if (r != WASI_OK) {
    wasi_release(&p);
    return r;
  }
  return finish(&p, utimensat(p.dir, p.name, times, AT_SYMLINK_NOFOLLOW));
}
