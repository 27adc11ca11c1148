/* wasi_internal.h: what the files of WASI share: numbers of the specification (witx of wasi_snapshot_preview1), the
 * context, the table of descriptors, access to guest memory, path resolution.
 *
 * Rules. Each guest pointer goes through wasi_at with its length in 64 bits; guest data is copied before it is judged.
 * A function returns a WASI errno; host errno values pass through wasi_errno. No function keeps a wasi_entry pointer
 * across a call that may grow the table. */
#ifndef WASI_INTERNAL_H
#define WASI_INTERNAL_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#ifdef __APPLE__
#define _DARWIN_C_SOURCE 1
#endif

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#include "w2n_wasi.h"
#include "w2n_wasi_host.h"

/* ---- Numbers of the specification ---- */

enum {
  WASI_OK = 0,
  WASI_2BIG = 1,
  WASI_ACCES = 2,
  WASI_ADDRINUSE = 3,
  WASI_ADDRNOTAVAIL = 4,
  WASI_AFNOSUPPORT = 5,
  WASI_AGAIN = 6,
  WASI_ALREADY = 7,
  WASI_BADF = 8,
  WASI_BADMSG = 9,
  WASI_BUSY = 10,
  WASI_CANCELED = 11,
  WASI_CHILD = 12,
  WASI_CONNABORTED = 13,
  WASI_CONNREFUSED = 14,
  WASI_CONNRESET = 15,
  WASI_DEADLK = 16,
  WASI_DESTADDRREQ = 17,
  WASI_DOM = 18,
  WASI_DQUOT = 19,
  WASI_EXIST = 20,
  WASI_FAULT = 21,
  WASI_FBIG = 22,
  WASI_HOSTUNREACH = 23,
  WASI_IDRM = 24,
  WASI_ILSEQ = 25,
  WASI_INPROGRESS = 26,
  WASI_INTR = 27,
  WASI_INVAL = 28,
  WASI_IO = 29,
  WASI_ISCONN = 30,
  WASI_ISDIR = 31,
  WASI_LOOP = 32,
  WASI_MFILE = 33,
  WASI_MLINK = 34,
  WASI_MSGSIZE = 35,
  WASI_MULTIHOP = 36,
  WASI_NAMETOOLONG = 37,
  WASI_NETDOWN = 38,
  WASI_NETRESET = 39,
  WASI_NETUNREACH = 40,
  WASI_NFILE = 41,
  WASI_NOBUFS = 42,
  WASI_NODEV = 43,
  WASI_NOENT = 44,
  WASI_NOEXEC = 45,
  WASI_NOLCK = 46,
  WASI_NOLINK = 47,
  WASI_NOMEM = 48,
  WASI_NOMSG = 49,
  WASI_NOPROTOOPT = 50,
  WASI_NOSPC = 51,
  WASI_NOSYS = 52,
  WASI_NOTCONN = 53,
  WASI_NOTDIR = 54,
  WASI_NOTEMPTY = 55,
  WASI_NOTRECOVERABLE = 56,
  WASI_NOTSOCK = 57,
  WASI_NOTSUP = 58,
  WASI_NOTTY = 59,
  WASI_NXIO = 60,
  WASI_OVERFLOW = 61,
  WASI_OWNERDEAD = 62,
  WASI_PERM = 63,
  WASI_PIPE = 64,
  WASI_PROTO = 65,
  WASI_PROTONOSUPPORT = 66,
  WASI_PROTOTYPE = 67,
  WASI_RANGE = 68,
  WASI_ROFS = 69,
  WASI_SPIPE = 70,
  WASI_SRCH = 71,
  WASI_STALE = 72,
  WASI_TIMEDOUT = 73,
  WASI_TXTBSY = 74,
  WASI_XDEV = 75,
  WASI_NOTCAPABLE = 76
};

enum {
  WASI_TYPE_UNKNOWN = 0,
  WASI_TYPE_BLOCK = 1,
  WASI_TYPE_CHARACTER = 2,
  WASI_TYPE_DIRECTORY = 3,
  WASI_TYPE_REGULAR = 4,
  WASI_TYPE_DGRAM = 5,
  WASI_TYPE_STREAM = 6,
  WASI_TYPE_SYMLINK = 7
};

enum { WASI_APPEND = 1, WASI_DSYNC = 2, WASI_NONBLOCK = 4, WASI_RSYNC = 8, WASI_SYNC = 16, WASI_FDFLAGS = 31 };
enum { WASI_O_CREAT = 1, WASI_O_DIRECTORY = 2, WASI_O_EXCL = 4, WASI_O_TRUNC = 8, WASI_OFLAGS = 15 };
enum { WASI_SYMLINK_FOLLOW = 1 };

#define WASI_R(bit) ((uint64_t)1 << (bit))
#define WASI_R_DATASYNC WASI_R(0)
#define WASI_R_READ WASI_R(1)
#define WASI_R_SEEK WASI_R(2)
#define WASI_R_FDSTAT_SET_FLAGS WASI_R(3)
#define WASI_R_SYNC WASI_R(4)
#define WASI_R_TELL WASI_R(5)
#define WASI_R_WRITE WASI_R(6)
#define WASI_R_ADVISE WASI_R(7)
#define WASI_R_ALLOCATE WASI_R(8)
#define WASI_R_CREATE_DIRECTORY WASI_R(9)
#define WASI_R_CREATE_FILE WASI_R(10)
#define WASI_R_LINK_SOURCE WASI_R(11)
#define WASI_R_LINK_TARGET WASI_R(12)
#define WASI_R_OPEN WASI_R(13)
#define WASI_R_READDIR WASI_R(14)
#define WASI_R_READLINK WASI_R(15)
#define WASI_R_RENAME_SOURCE WASI_R(16)
#define WASI_R_RENAME_TARGET WASI_R(17)
#define WASI_R_PATH_FILESTAT_GET WASI_R(18)
#define WASI_R_PATH_FILESTAT_SET_SIZE WASI_R(19)
#define WASI_R_PATH_FILESTAT_SET_TIMES WASI_R(20)
#define WASI_R_FILESTAT_GET WASI_R(21)
#define WASI_R_FILESTAT_SET_SIZE WASI_R(22)
#define WASI_R_FILESTAT_SET_TIMES WASI_R(23)
#define WASI_R_SYMLINK WASI_R(24)
#define WASI_R_REMOVE_DIRECTORY WASI_R(25)
#define WASI_R_UNLINK_FILE WASI_R(26)
#define WASI_R_POLL WASI_R(27)
#define WASI_R_SHUTDOWN WASI_R(28)
#define WASI_R_ACCEPT WASI_R(29)

/* What makes sense for a directory, for a file or device opened by path, for a socket. */
#define WASI_R_PATHS                                                                                                \
  (WASI_R_CREATE_DIRECTORY | WASI_R_CREATE_FILE | WASI_R_LINK_SOURCE | WASI_R_LINK_TARGET | WASI_R_OPEN |           \
   WASI_R_READDIR | WASI_R_READLINK | WASI_R_RENAME_SOURCE | WASI_R_RENAME_TARGET | WASI_R_PATH_FILESTAT_GET |      \
   WASI_R_PATH_FILESTAT_SET_SIZE | WASI_R_PATH_FILESTAT_SET_TIMES | WASI_R_SYMLINK | WASI_R_REMOVE_DIRECTORY |      \
   WASI_R_UNLINK_FILE)
#define WASI_R_DIRECTORY                                                                                            \
  (WASI_R_PATHS | WASI_R_FDSTAT_SET_FLAGS | WASI_R_SYNC | WASI_R_FILESTAT_GET | WASI_R_FILESTAT_SET_TIMES)
#define WASI_R_SEEKABLE                                                                                             \
  (WASI_R_SEEK | WASI_R_TELL | WASI_R_ADVISE | WASI_R_ALLOCATE | WASI_R_FILESTAT_SET_SIZE)
#define WASI_R_STREAM                                                                                               \
  (WASI_R_READ | WASI_R_WRITE | WASI_R_FDSTAT_SET_FLAGS | WASI_R_SYNC | WASI_R_DATASYNC | WASI_R_FILESTAT_GET |     \
   WASI_R_FILESTAT_SET_TIMES | WASI_R_POLL)
#define WASI_R_FILE (WASI_R_STREAM | WASI_R_SEEKABLE)
#define WASI_R_SOCKET                                                                                               \
  (WASI_R_READ | WASI_R_WRITE | WASI_R_FDSTAT_SET_FLAGS | WASI_R_FILESTAT_GET | WASI_R_POLL | WASI_R_SHUTDOWN |     \
   WASI_R_ACCEPT)
#define WASI_R_ALL ((WASI_R(30)) - 1)

/* ---- Context and descriptors ---- */

enum {
  WASI_SHARED = 1, /* Others use the same open file description: its O_NONBLOCK and O_APPEND are not ours to change. */
  WASI_UNPROBED = 2, /* Standard stream whose type and flags have not been looked at yet. */
  WASI_FIFO = 4,
  WASI_DEV_KNOWN = 8 /* `dev` is set. */
};

typedef struct wasi_dirbuf wasi_dirbuf;

typedef struct wasi_entry {
  int host;      /* host descriptor; -1: free */
  uint8_t type;  /* WASI_TYPE_* */
  uint8_t flags; /* fdflags as the guest sees them */
  uint8_t bits;  /* WASI_SHARED ... */
  uint64_t base;
  uint64_t inheriting;
  dev_t dev;       /* a device below this directory known not to be procfs */
  char *preopen;   /* guest's name of a preopened directory */
  wasi_dirbuf *dir; /* reading state of a directory */
} wasi_entry;

typedef struct wasi_strings {
  char *bytes; /* NUL-terminated strings one behind the other */
  size_t size;
  size_t capacity;
  uint32_t count;
  bool lent; /* bytes is not the allocator's */
} wasi_strings;

struct w2n_wasi {
  wasi_entry *entries;
  uint32_t count; /* entries allocated */
  uint32_t open;  /* entries in use */
  uint32_t limit;
  bool lent; /* entries is not the allocator's */
  bool walk;
  bool allow_devices;
  bool fixed_clock;
  bool seeded;
  uint64_t clock; /* fixed clock: ns since its start */
  uint64_t clock_start;
  uint64_t clock_step;
  uint64_t random_state;
  wasi_strings args;
  wasi_strings env;
};

#define WASI_DEFAULTS {.limit = 1u << 20, .clock_step = 1000}
extern w2n_wasi wasi_default;

/* `old` with room for `bytes`, its first `used` kept; NULL: no memory, then `old` is as before. *lent: `old` is not the
 * allocator's; cleared. */
void *wasi_grow(void *old, bool *lent, size_t used, size_t bytes);

w2n_wasi *wasi_context(const w2n_instance *inst);
int32_t wasi_errno(int host);

/* The open descriptor fd having all `rights`; else BADF or the error that their lack means. */
int32_t wasi_get(w2n_wasi *c, int32_t fd, uint64_t rights, wasi_entry **out);
/* Puts an entry (host and so on filled in) at the lowest free number. On an error the caller still owns entry->host. */
int32_t wasi_insert(w2n_wasi *c, const wasi_entry *entry, uint32_t *fd);
/* The same while a context is set up, where numbers have no gap; 0 or an errno of the host. */
int wasi_add_at_end(w2n_wasi *c, const wasi_entry *e);
void wasi_close_entry(w2n_wasi *c, wasi_entry *e);
void wasi_dirbuf_free(wasi_dirbuf *d);
uint8_t wasi_filetype(mode_t mode);
uint8_t wasi_socket_type(int host);
/* The rights to seek for a character device: none on a terminal. */
uint64_t wasi_device_rights(int host);
/* Makes a standard descriptor, open or free, a socket that is connected to nothing, so that no later open gets 0 to 2. */
bool wasi_plug(int host);

/* ---- Guest memory ---- */

typedef struct wasi_memory {
  uint8_t *base;
  uint64_t bytes;
} wasi_memory;

static inline wasi_memory wasi_memory_of(w2n_instance *inst) {
  wasi_memory m;
  m.base = w2n_memory0(inst, &m.bytes);
  return m;
}

/* Address of `bytes` bytes at guest address p, or NULL if any of them lies outside. */
static inline uint8_t *wasi_at(const wasi_memory *m, int32_t p, uint64_t bytes) {
  uint64_t at = (uint32_t)p;
  return at > m->bytes || bytes > m->bytes - at ? NULL : m->base + at;
}

static inline uint32_t wasi_load32(const uint8_t *p) {
  uint32_t v;
  memcpy(&v, p, sizeof v);
  return v;
}
static inline uint64_t wasi_load64(const uint8_t *p) {
  uint64_t v;
  memcpy(&v, p, sizeof v);
  return v;
}
static inline void wasi_store16(uint8_t *p, uint16_t v) { memcpy(p, &v, sizeof v); }
static inline void wasi_store32(uint8_t *p, uint32_t v) { memcpy(p, &v, sizeof v); }
static inline void wasi_store64(uint8_t *p, uint64_t v) { memcpy(p, &v, sizeof v); }

/* ---- Clocks ---- */

static inline uint64_t wasi_ns(struct timespec t) {
  return t.tv_sec < 0 ? 0 : (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}
/* Reads a clock (WASI number). INVAL for a number that is none. */
int32_t wasi_clock_now(w2n_wasi *c, int32_t id, uint64_t *ns);

/* ---- Paths ---- */

enum { WASI_PATH_MAX = 4096, WASI_TEXT_MAX = 2 * WASI_PATH_MAX };

/* Where a path leads: the last component `name` (never followed by what uses it) in the directory `dir`. */
typedef struct wasi_place {
  int dir;
  bool owned; /* dir is to be closed by wasi_release */
  bool slash; /* the path ended in a slash: name has to be a directory */
  const char *name;
  char text[WASI_TEXT_MAX];
} wasi_place;

typedef enum wasi_follow { WASI_NEVER, WASI_IF_SLASH, WASI_ALWAYS } wasi_follow;

/* Copies a path out of guest memory into `out` (WASI_PATH_MAX bytes) with a NUL. */
int32_t wasi_copy_path(const wasi_memory *m, int32_t path, int32_t bytes, char *out);
/* Resolves `path` below `e`. On success wasi_release is due. */
int32_t wasi_resolve(w2n_wasi *c, wasi_entry *e, const char *path, wasi_follow follow, wasi_place *out);
void wasi_release(wasi_place *p);
/* Opens the file at `path` below `e` with host flags. */
int32_t wasi_open_beneath(w2n_wasi *c, wasi_entry *e, const char *path, int flags, mode_t mode, bool follow, int *out);
/* NOTCAPABLE if `fd` (of device `dev`) lies on procfs and devices are not allowed. */
int32_t wasi_check_device(w2n_wasi *c, wasi_entry *e, int fd, dev_t dev);

void wasi_put_filestat(uint8_t *out, const struct stat *st, uint8_t type);
/* A filestat of preview1. */
int32_t wasi_fd_filestat(w2n_wasi *c, int32_t fd, uint8_t out[64]);
int32_t wasi_path_filestat(w2n_instance *caller, int32_t fd, int32_t lookup, int32_t path, int32_t bytes,
                           uint8_t out[64]);
/* The two arguments of utimensat from those of set_times. */
int32_t wasi_times(w2n_wasi *c, int64_t atim, int64_t mtim, int32_t flags, struct timespec out[2]);

/* Set-up helpers of the main program. */
const char *wasi_install_seccomp(const w2n_wasi *c);
const char *wasi_install_timeout(uint64_t milliseconds);

#endif
