/* wasi_resolve.c: paths below a directory, never out of it.
 *
 * Two ways with the same results. Where the kernel has openat2 (Linux 5.6), it resolves with RESOLVE_BENEATH |
 * RESOLVE_NO_MAGICLINKS. Elsewhere, or on request, a walk opens one component after the other without following; a
 * symbolic link is put into the text in its place, and ".." drops the last name and opens the rest again from the top,
 * so that no directory is ever left upwards, however it may be moved meanwhile.
 *
 * Operations other than opening act on (directory, last component) with calls that do not follow: wasi_resolve leads
 * there. If the last link is to be followed, its text replaces it first; who swaps the last component after that only
 * makes the operation act on a link itself. */
#include "wasi_internal.h"

#ifdef __linux__
#include <sys/statfs.h>
#include <sys/syscall.h>
#ifndef SYS_openat2
#define SYS_openat2 437
#endif
#endif

enum { LINKS_MAX = 40 }; /* As Linux: one more is ELOOP. */

#if defined(__linux__)
#define DIR_FLAGS (O_PATH | O_DIRECTORY | O_CLOEXEC)
#elif defined(O_SEARCH)
#define DIR_FLAGS (O_SEARCH | O_DIRECTORY | O_CLOEXEC)
#else
#define DIR_FLAGS (O_RDONLY | O_DIRECTORY | O_CLOEXEC)
#endif

int32_t wasi_copy_path(const wasi_memory *m, int32_t path, int32_t bytes, char *out) {
  uint32_t n = (uint32_t)bytes;
  const uint8_t *from = wasi_at(m, path, n);
  if (from == NULL) return WASI_FAULT;
  if (n >= WASI_PATH_MAX) return WASI_NAMETOOLONG;
  memcpy(out, from, n);
  out[n] = 0;
  return memchr(out, 0, n) != NULL ? WASI_INVAL : WASI_OK;
}

/* ---- openat2 ---- */

#ifdef __linux__
struct how {
  uint64_t flags;
  uint64_t mode;
  uint64_t resolve;
};
enum { NO_MAGICLINKS = 0x02, BENEATH = 0x08 };

static long openat2_beneath(int dir, const char *path, int flags, mode_t mode) {
  struct how h = {(uint64_t)(unsigned)flags, flags & O_CREAT ? mode : 0, BENEATH | NO_MAGICLINKS};
  return syscall(SYS_openat2, dir, path, &h, sizeof h);
}

/* Whether the kernel has it: asked once a process; threads that race find the same. */
static bool has_openat2(int dir) {
  static int known; /* 0 not asked, 1 yes, -1 no */
  int k = __atomic_load_n(&known, __ATOMIC_RELAXED);
  if (k == 0) {
    long fd = openat2_beneath(dir, ".", DIR_FLAGS, 0);
    /* An error of any other kind than these would be one of the directory. */
    k = fd < 0 && (errno == ENOSYS || errno == EPERM || errno == EINVAL || errno == E2BIG) ? -1 : 1;
    if (fd >= 0) close((int)fd);
    __atomic_store_n(&known, k, __ATOMIC_RELAXED);
  }
  return k > 0;
}

/* EAGAIN means that something was moved during "..": tried again, but not for ever. */
static int32_t kernel_open(int dir, const char *path, int flags, mode_t mode, int *out) {
  long fd = -1;
  for (int tries = 0; tries < 1000; tries++) {
    fd = openat2_beneath(dir, path, flags, mode);
    if (fd >= 0 || (errno != EAGAIN && errno != EINTR)) break;
  }
  if (fd < 0) return errno == EXDEV ? WASI_NOTCAPABLE : wasi_errno(errno);
  *out = (int)fd;
  return WASI_OK;
}
#endif

/* ---- The walk ---- */

typedef struct walk {
  int root;
  int at;            /* current directory; == root or owned */
  int links;         /* followed so far */
  size_t done_bytes; /* of `done` */
  char rest[WASI_TEXT_MAX]; /* not yet walked; replaced when a link is met */
  char done[WASI_TEXT_MAX]; /* names from root to `at`, each with a NUL */
} walk;

static void stand_at(walk *w, int fd) {
  if (w->at != w->root) close(w->at);
  w->at = fd;
}

static int open_step(int dir, const char *name) {
  int fd;
  do fd = openat(dir, name, DIR_FLAGS | O_NOFOLLOW);
  while (fd < 0 && errno == EINTR);
  return fd;
}

/* Goes up `levels` directories: opens the remaining names again from the top. */
static int32_t walk_up(walk *w, size_t levels) {
  for (; levels > 0; levels--) {
    if (w->done_bytes == 0) return WASI_NOTCAPABLE;
    do w->done_bytes--;
    while (w->done_bytes > 0 && w->done[w->done_bytes - 1] != 0);
  }
  stand_at(w, w->root);
  for (size_t i = 0; i < w->done_bytes; i += strlen(w->done + i) + 1) {
    int fd = open_step(w->at, w->done + i);
    if (fd < 0) return wasi_errno(errno);
    stand_at(w, fd);
  }
  return WASI_OK;
}

/* target + "/" + tail into out (WASI_TEXT_MAX bytes). `tail` may lie in `out`. */
static int32_t put_link(const char *target, size_t target_bytes, const char *tail, char *out) {
  size_t tail_bytes = strlen(tail);
  if (target_bytes == 0) return WASI_NOENT;
  if (target[0] == '/') return WASI_NOTCAPABLE;
  if (target_bytes + tail_bytes + 2 > WASI_TEXT_MAX) return WASI_NAMETOOLONG;
  memmove(out + target_bytes + (tail_bytes != 0), tail, tail_bytes + 1);
  memcpy(out, target, target_bytes);
  if (tail_bytes != 0) out[target_bytes] = '/';
  return WASI_OK;
}

/* One named component: a directory to enter, or a link whose text comes before what is left. `next` is where the text
 * goes on; *text is set to where it has to be read on. */
static int32_t walk_name(walk *w, const char *name, size_t bytes, const char *next, const char **text) {
  char target[WASI_PATH_MAX];
  int fd = open_step(w->at, name);
  if (fd >= 0) {
    if (w->done_bytes + bytes + 1 > sizeof w->done) {
      close(fd);
      return WASI_NAMETOOLONG;
    }
    memcpy(w->done + w->done_bytes, name, bytes + 1);
    w->done_bytes += bytes + 1;
    stand_at(w, fd);
    *text = next;
    return WASI_OK;
  }
  int why = errno;
  if (why != ENOTDIR && why != ELOOP && why != EMLINK) return wasi_errno(why);
  ssize_t n = readlinkat(w->at, name, target, sizeof target);
  if (n < 0) return errno == EINVAL ? WASI_NOTDIR : wasi_errno(errno);
  if (n == (ssize_t)sizeof target) return WASI_NAMETOOLONG;
  if (++w->links > LINKS_MAX) return WASI_LOOP;
  *text = w->rest;
  return put_link(target, (size_t)n, next, w->rest);
}

/* Walks all of `path`, which has to lead to a directory. */
static int32_t walk_dir(int root, const char *path, int *links, int *out) {
  walk w;
  w.root = w.at = root;
  w.links = *links;
  w.done_bytes = 0;
  size_t bytes = strlen(path);
  if (bytes >= sizeof w.rest) return WASI_NAMETOOLONG;
  memcpy(w.rest, path, bytes + 1);
  const char *text = w.rest;
  int32_t r = WASI_OK;
  size_t up = 0;
  for (;;) {
    char name[256]; /* NAME_MAX and a NUL */
    while (*text == '/') text++;
    size_t n = strcspn(text, "/");
    if (n == 1 && text[0] == '.') text++;
    else if (n == 2 && text[0] == '.' && text[1] == '.') {
      up++;
      text += 2;
    } else {
      /* A run of ".." is gone up at once. */
      if (up != 0 && (r = walk_up(&w, up)) != WASI_OK) break;
      up = 0;
      if (n == 0) break;
      if (n >= sizeof name) {
        r = WASI_NAMETOOLONG;
        break;
      }
      memcpy(name, text, n);
      name[n] = 0;
      const char *next = text + n;
      while (*next == '/') next++;
      if ((r = walk_name(&w, name, n, next, &text)) != WASI_OK) break;
    }
  }
  *links = w.links;
  if (r == WASI_OK && w.at == root) { /* The caller closes what it gets. */
    w.at = open_step(root, ".");
    if (w.at < 0) {
      w.at = root;
      r = wasi_errno(errno);
    }
  }
  if (r != WASI_OK) stand_at(&w, root);
  else *out = w.at;
  return r;
}

static int32_t open_dir(w2n_wasi *c, int root, const char *path, int *links, int *out) {
#ifdef __linux__
  if (!c->walk && has_openat2(root)) return kernel_open(root, path, DIR_FLAGS, 0, out);
#endif
  (void)c;
  return walk_dir(root, path, links, out);
}

/* ---- Doors ---- */

int32_t wasi_check_device(w2n_wasi *c, wasi_entry *e, int fd, dev_t dev) {
  if (c->allow_devices || (e->bits & WASI_DEV_KNOWN && e->dev == dev)) return WASI_OK;
#ifdef __linux__
  struct statfs fs;
  if (fstatfs(fd, &fs) != 0) return wasi_errno(errno);
  if ((unsigned long)fs.f_type == 0x9fa0) return WASI_NOTCAPABLE; /* PROC_SUPER_MAGIC */
#else
  (void)fd;
#endif
  e->dev = dev;
  e->bits |= WASI_DEV_KNOWN;
  return WASI_OK;
}

void wasi_release(wasi_place *p) {
  if (p->owned) close(p->dir);
  p->owned = false;
}

/* Splits p->text into directory and last component and opens the directory. A last component "." or ".." is resolved
 * as part of the directory, and the name is then ".". */
static int32_t locate(w2n_wasi *c, wasi_entry *e, int *links, wasi_place *p) {
  char *text = p->text;
  size_t n = strlen(text);
  struct stat st;
  p->owned = false;
  p->slash = false;
  p->dir = e->host;
  if (n == 0) return WASI_NOENT;
  if (text[0] == '/') return WASI_NOTCAPABLE;
  for (; text[n - 1] == '/'; n--) p->slash = true;
  text[n] = 0;
  char *name = text + n;
  while (name > text && name[-1] != '/') name--;
  const char *dir = text;
  if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0) {
    p->name = ".";
    if (name == text && name[1] == 0) dir = NULL;
  } else {
    p->name = name;
    if (name == text) dir = NULL;
    else name[-1] = 0; /* wasi_resolve puts it back if it needs the text again. */
  }
  if (dir != NULL) {
    int32_t r = open_dir(c, e->host, dir, links, &p->dir);
    if (r != WASI_OK) return r;
    p->owned = true;
  } else if (e->bits & WASI_DEV_KNOWN) return WASI_OK;
  int32_t r = fstat(p->dir, &st) != 0 ? wasi_errno(errno) : wasi_check_device(c, e, p->dir, st.st_dev);
  if (r != WASI_OK) wasi_release(p);
  return r;
}

int32_t wasi_resolve(w2n_wasi *c, wasi_entry *e, const char *path, wasi_follow follow, wasi_place *p) {
  char target[WASI_PATH_MAX];
  int links = 0;
  size_t bytes = strlen(path);
  memcpy(p->text, path, bytes + 1); /* Shorter than WASI_PATH_MAX. */
  for (;;) {
    int32_t r = locate(c, e, &links, p);
    if (r != WASI_OK || follow == WASI_NEVER || (follow == WASI_IF_SLASH && !p->slash)) return r;
    ssize_t n = readlinkat(p->dir, p->name, target, sizeof target);
    if (n < 0) return WASI_OK; /* Not a link, or nothing there: what acts on it says so. */
    /* The link's text takes the place of the name, and what was true of the path's end is true of the link's. */
    char *name = p->text + (p->name - p->text);
    bool slash = p->slash;
    if (name > p->text) name[-1] = '/';
    size_t before = (size_t)(name - p->text);
    wasi_release(p);
    if (n == (ssize_t)sizeof target || before + (size_t)n + 2 > WASI_TEXT_MAX) return WASI_NAMETOOLONG;
    if (++links > LINKS_MAX) return WASI_LOOP;
    if (n == 0) return WASI_NOENT;
    if (target[0] == '/') return WASI_NOTCAPABLE;
    memcpy(name, target, (size_t)n);
    if (slash) name[n++] = '/';
    name[n] = 0;
    follow = WASI_ALWAYS;
  }
}

/* The walk's opening: the last component is opened without following, and if it is a link that is to be followed,
 * resolved anew. A file that is swapped for a link in between makes it try again. */
static int32_t walk_open(w2n_wasi *c, wasi_entry *e, const char *path, int flags, mode_t mode, bool follow, int *out) {
  wasi_place p;
  for (int tries = 0; tries < 1000; tries++) {
    /* Creating exclusively never follows, and no file is created at a path that ends in a slash. */
    bool never = flags & O_CREAT && (flags & O_EXCL || !follow || path[strlen(path) - 1] == '/');
    wasi_follow how = never ? WASI_NEVER : follow ? WASI_ALWAYS : WASI_IF_SLASH;
    int32_t r = wasi_resolve(c, e, path, how, &p);
    if (r != WASI_OK) return r;
    int fd = -1, why = EISDIR;
    if (!(p.slash && flags & O_CREAT && strcmp(p.name, ".") != 0)) {
      fd = openat(p.dir, p.name, flags | O_NOFOLLOW | (p.slash && !(flags & O_CREAT) ? O_DIRECTORY : 0), mode);
      why = errno;
    }
    wasi_release(&p);
    if (fd >= 0) {
      *out = fd;
      return WASI_OK;
    }
    if (why != EINTR && !(why == ELOOP && how == WASI_ALWAYS)) return wasi_errno(why);
  }
  return WASI_LOOP;
}

int32_t wasi_open_beneath(w2n_wasi *c, wasi_entry *e, const char *path, int flags, mode_t mode, bool follow, int *out) {
  if (path[0] == 0) return WASI_NOENT;
  if (path[0] == '/') return WASI_NOTCAPABLE;
#ifdef __linux__
  if (!c->walk && has_openat2(e->host))
    return kernel_open(e->host, path, follow ? flags : flags | O_NOFOLLOW, mode, out);
#endif
  return walk_open(c, e, path, flags, mode, follow, out);
}
