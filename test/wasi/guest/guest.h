/* guest.h: what a scenario sees. The same scenario runs natively against the stub's functions, with a made-up memory
 * (host/native.c), and as a wasm program whose imports they are. Guest addresses are 32-bit numbers in both; at(address)
 * gives the place. A scenario is `void scenario(void)`; what goes wrong is reported through CHECK and makes the program
 * end with status 1. */
#ifndef GUEST_H
#define GUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef int32_t i32;
typedef int64_t i64;

#ifdef __wasm__
#define DECLARE(name, types) \
  i32 name types __attribute__((import_module("wasi_snapshot_preview1"), import_name(#name)));
#define F0(n, r) i32 n##_(void) __attribute__((import_module("wasi_snapshot_preview1"), import_name(#n)));
#define F1(n, r, a) DECLARE(n, (a))
#define F2(n, r, a, b) DECLARE(n, (a, b))
#define F3(n, r, a, b, c) DECLARE(n, (a, b, c))
#define F4(n, r, a, b, c, d) DECLARE(n, (a, b, c, d))
#define F5(n, r, a, b, c, d, e) DECLARE(n, (a, b, c, d, e))
#define F6(n, r, a, b, c, d, e, f) DECLARE(n, (a, b, c, d, e, f))
#define F7(n, r, a, b, c, d, e, f, g) DECLARE(n, (a, b, c, d, e, f, g))
#define F9(n, r, a, b, c, d, e, f, g, h, i) DECLARE(n, (a, b, c, d, e, f, g, h, i))
#define guest_memory_bytes() ((uint64_t)__builtin_wasm_memory_size(0) << 16)
static inline uint8_t *at(uint32_t address) { return (uint8_t *)(uintptr_t)address; }
#else
typedef struct w2n_instance w2n_instance;
extern w2n_instance *const guest_instance;
extern uint8_t *guest_base;
uint64_t guest_memory_bytes(void);
static inline uint8_t *at(uint32_t address) { return guest_base + address; }
#define CALLER guest_instance
#define FN(n) wasi_snapshot_preview1__##n
#define F0(n, r)       \
  i32 FN(n)(w2n_instance *); \
  static inline i32 n##_(void) { return FN(n)(CALLER); } /* C libraries have a sched_yield too. */
#define F1(n, r, A)       \
  i32 FN(n)(w2n_instance *, A); \
  static inline i32 n(A a) { return FN(n)(CALLER, a); }
#define F2(n, r, A, B)       \
  i32 FN(n)(w2n_instance *, A, B); \
  static inline i32 n(A a, B b) { return FN(n)(CALLER, a, b); }
#define F3(n, r, A, B, C)       \
  i32 FN(n)(w2n_instance *, A, B, C); \
  static inline i32 n(A a, B b, C c) { return FN(n)(CALLER, a, b, c); }
#define F4(n, r, A, B, C, D)       \
  i32 FN(n)(w2n_instance *, A, B, C, D); \
  static inline i32 n(A a, B b, C c, D d) { return FN(n)(CALLER, a, b, c, d); }
#define F5(n, r, A, B, C, D, E)       \
  i32 FN(n)(w2n_instance *, A, B, C, D, E); \
  static inline i32 n(A a, B b, C c, D d, E e) { return FN(n)(CALLER, a, b, c, d, e); }
#define F6(n, r, A, B, C, D, E, F)       \
  i32 FN(n)(w2n_instance *, A, B, C, D, E, F); \
  static inline i32 n(A a, B b, C c, D d, E e, F f) { return FN(n)(CALLER, a, b, c, d, e, f); }
#define F7(n, r, A, B, C, D, E, F, G)       \
  i32 FN(n)(w2n_instance *, A, B, C, D, E, F, G); \
  static inline i32 n(A a, B b, C c, D d, E e, F f, G g) { return FN(n)(CALLER, a, b, c, d, e, f, g); }
#define F9(n, r, A, B, C, D, E, F, G, H, I)       \
  i32 FN(n)(w2n_instance *, A, B, C, D, E, F, G, H, I); \
  static inline i32 n(A a, B b, C c, D d, E e, F f, G g, H h, I i) { return FN(n)(CALLER, a, b, c, d, e, f, g, h, i); }
#endif
#include "functions.h"
#undef F0
#undef F1
#undef F2
#undef F3
#undef F4
#undef F5
#undef F6
#undef F7
#undef F9

enum {
  OK = 0, ACCES = 2, AGAIN = 6, BADF = 8, EXIST = 20, FAULT = 21, INVAL = 28, ISDIR = 31, LOOP = 32, MFILE = 33,
  NAMETOOLONG = 37, NOENT = 44, NOTDIR = 54, NOTEMPTY = 55, NOTSOCK = 57, NOTSUP = 58, PERM = 63, PIPE = 64,
  SPIPE = 70, NOTCAPABLE = 76
};
enum { FOLLOW = 1, CREAT = 1, DIRECTORY = 2, EXCL = 4, TRUNC = 8, APPEND = 1, NONBLOCK = 4 };
enum { T_CHARACTER = 2, T_DIRECTORY = 3, T_REGULAR = 4, T_SYMLINK = 7 };
#define R_READ ((i64)1 << 1)
#define R_SEEK ((i64)1 << 2)
#define R_SET_FLAGS ((i64)1 << 3)
#define R_TELL ((i64)1 << 5)
#define R_WRITE ((i64)1 << 6)
#define R_ALLOCATE ((i64)1 << 8)
#define R_READDIR ((i64)1 << 14)
#define R_PATH_SET_SIZE ((i64)1 << 19)
#define R_SET_SIZE ((i64)1 << 22)
#define R_POLL ((i64)1 << 27)
#define R_ALL (((i64)1 << 30) - 1)
#define R_RW (R_READ | R_WRITE | R_SEEK | R_TELL | ((i64)1 << 21) | R_SET_SIZE | ((i64)1 << 23) | R_SET_FLAGS)

/* The first granted directory. */
enum { GRANT = 3 };

/* ---- Scratch areas in guest memory ---- */
extern uint32_t area; /* address of AREA free bytes */
enum { AREA = 65536, RESULT = 0, VECTOR = 64, PATH_A = 1024, PATH_B = 8192, DATA = 16384 };

static inline uint32_t load32(uint32_t address) {
  uint32_t v;
  memcpy(&v, at(address), 4);
  return v;
}
static inline uint64_t load64(uint32_t address) {
  uint64_t v;
  memcpy(&v, at(address), 8);
  return v;
}
static inline void store32(uint32_t address, uint32_t v) { memcpy(at(address), &v, 4); }
static inline void store64(uint32_t address, uint64_t v) { memcpy(at(address), &v, 8); }
static inline i32 put_text(uint32_t where, const char *s) {
  memcpy(at(area + where), s, strlen(s));
  return (i32)(area + where);
}
#define PATH(s) put_text(PATH_A, s), (i32)strlen(s)
#define PATH2(s) put_text(PATH_B, s), (i32)strlen(s)
#define OUT ((i32)(area + RESULT))

/* ---- Reports ---- */
void say(const char *text);
void say_number(i64 n);
void fail(const char *file, int line, const char *what, i64 got, i64 wanted);
#define CHECK(got, wanted)                                                  \
  do {                                                                      \
    i64 g_ = (i64)(got), w_ = (i64)(wanted);                                \
    if (g_ != w_) fail(__FILE__, __LINE__, #got, g_, w_);                   \
  } while (0)

/* ---- Calls with text and scratch memory ---- */
i32 open_at(i32 dir, i32 lookup, const char *path, i32 oflags, i64 rights, i32 fdflags, i32 *fd);
i32 write_text(i32 fd, const char *text, uint32_t *done);
i32 read_text(i32 fd, uint32_t room, uint32_t *done); /* the bytes lie at area + DATA */
i32 make_file(const char *path, const char *content);
i32 stat_path(i32 lookup, const char *path); /* filestat at area + RESULT */

void scenario(void);
#endif
