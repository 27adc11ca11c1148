/* host.c: the test host: runs compiled objects without a link. Requests come on stdin, answers go to stdout; both are
 * u32 length + payload, little-endian, in the same order; test/support/host.ts is the other side.
 *
 * Request: u8 operation, then its fields. A string is u32 bytes + content. Answer: u8 status (0 good, 1 bad request
 * with a message as the rest), then the fields.
 *   1 load         u32 runs, u64 offset of each run, rest: object       -> u32 module
 *   2 instantiate  u32 module                                           -> u32 link status, u32 trap, u32 instance, string why
 *   3 register     u32 instance, string name                            ->
 *   4 invoke       u32 instance, string export, u32 n, n 16-byte values -> u32 trap, u32 n, n x {u8 type code, 16 bytes}
 *   5 global       u32 instance, string export                          -> u8 type code, 16 bytes
 *   6 read         u32 instance, string export, u64 offset, u64 n       -> n bytes (fewer at the end of the memory)
 *   7 digest       u32 instance, string export                          -> u64 bytes, u64 FNV-1a of its 64-bit words
 *   8 reset                                                             ->
 *   9 write        u32 instance, string export, u64 offset, rest: bytes ->
 *  10 report                                                            -> text of the last trap's report
 *  11 describe     u32 instance, string export                          -> u8 kind, u32 n, n type codes, u32 n, n type codes
 * For the memory operations an empty export name is memory 0. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "cfunctions.h"
#include "store.h"

enum { MAX_VALUES = 2048 };

/* ---- pipe ---- */

typedef struct buffer {
  uint8_t *data;
  size_t used, room;
} buffer;

static buffer in, out;
static size_t in_at;

static void fatal(const char *why) {
  fprintf(stderr, "test host: %s\n", why);
  exit(3);
}

static uint8_t *extend(buffer *b, size_t bytes) {
  if (b->room - b->used < bytes) {
    size_t room = 2 * b->room > b->used + bytes ? 2 * b->room : b->used + bytes;
    b->data = realloc(b->data, room);
    if (!b->data) fatal("out of memory");
    b->room = room;
  }
  return b->data + b->used;
}

static void flush(void) {
  for (size_t done = 0; done < out.used;) {
    ssize_t n = write(1, out.data + done, out.used - done);
    if (n < 0 && errno != EINTR) exit(0); /* the driver is gone */
    if (n > 0) done += (size_t)n;
  }
  out.used = 0;
}

/* Makes `bytes` of input available; false at the end of the input. */
static bool fill(size_t bytes) {
  while (in.used - in_at < bytes) {
    if (in_at > 0) {
      memmove(in.data, in.data + in_at, in.used - in_at);
      in.used -= in_at;
      in_at = 0;
    }
    flush();
    uint8_t *to = extend(&in, bytes + 65536);
    ssize_t n = read(0, to, in.room - in.used);
    if (n == 0) return false;
    if (n < 0 && errno != EINTR) fatal("cannot read");
    if (n > 0) in.used += (size_t)n;
  }
  return true;
}

static void put(const void *bytes, size_t n) {
  if (n > 0) memcpy(extend(&out, n), bytes, n);
  out.used += n;
}
static void put8(uint8_t n) { put(&n, 1); }
static void put32(uint32_t n) { put(&n, 4); }
static void put64(uint64_t n) { put(&n, 8); }

/* ---- requests ---- */

typedef struct request {
  const uint8_t *at, *end;
  const char *problem;
} request;

static const uint8_t *take(request *r, size_t n) {
  static const uint8_t zeros[16];
  if ((size_t)(r->end - r->at) < n) {
    r->problem = "the request is too short";
    return n <= sizeof zeros ? zeros : NULL;
  }
  r->at += n;
  return r->at - n;
}
static uint32_t take32(request *r) {
  uint32_t n;
  memcpy(&n, take(r, 4), 4);
  return n;
}
static uint64_t take64(request *r) {
  uint64_t n;
  memcpy(&n, take(r, 8), 8);
  return n;
}
static const char *take_string(request *r, size_t *bytes) {
  *bytes = take32(r);
  const char *text = (const char *)take(r, *bytes);
  if (!text) *bytes = 0;
  return text ? text : "";
}

static w2n_instance *take_instance(request *r) {
  w2n_instance *inst = store_instance(take32(r));
  if (!inst && !r->problem) r->problem = "no such instance";
  return inst;
}

/* The export named next in the request. */
static bool take_export(request *r, w2n_instance *inst, uint32_t kind, w2n_extern *found) {
  size_t bytes;
  const char *name = take_string(r, &bytes);
  if (!inst || r->problem) return false;
  if (w2n_export(inst, name, bytes, found) && found->kind == kind) return true;
  r->problem = "no such export";
  return false;
}

static w2n_memory *take_memory(request *r) {
  w2n_instance *inst = take_instance(r);
  uint32_t bytes;
  if (!inst || (size_t)(r->end - r->at) < 4) return NULL;
  memcpy(&bytes, r->at, 4);
  if (bytes == 0) {
    take32(r);
    if (inst->header->sections[W2N_S_MEMORIES].count == 0) {
      r->problem = "no memory";
      return NULL;
    }
    const uint8_t *rows = (const uint8_t *)inst->header + inst->header->sections[W2N_S_MEMORIES].offset;
    const w2n_memory_row *row = (const w2n_memory_row *)rows;
    void *p = (uint8_t *)inst + row->instance_offset;
    return row->flags & W2N_MEM_IMPORTED ? *(w2n_memory **)p : (w2n_memory *)p;
  }
  w2n_extern found;
  return take_export(r, inst, W2N_MEMORY, &found) ? found.of.memory : NULL;
}

static void do_load(request *r) {
  uint32_t runs = take32(r);
  uint64_t offsets[64] = {0};
  if (runs > 64) {
    r->problem = "too many runs";
    return;
  }
  for (uint32_t i = 0; i < runs; i++) offsets[i] = take64(r);
  size_t bytes = (size_t)(r->end - r->at);
  /* Aligned, as the loader reads its structures in place. */
  uint8_t *copy = aligned_alloc(64, (bytes + 63) / 64 * 64 + 64);
  loaded_object object;
  if (!copy) fatal("out of memory");
  memcpy(copy, r->at, bytes);
  r->problem = load_object(copy, bytes, offsets, runs, c_function, &object);
  free(copy);
  if (r->problem) return;
  put8(0);
  put32(store_add_module(object));
}

static void do_instantiate(request *r) {
  uint32_t module = take32(r), number;
  if (!store_module(module)) {
    r->problem = "no such module";
    return;
  }
  int status = store_instantiate(module, &number);
  const char *why = status == W2N_OK ? "" : w2n_link_error();
  put8(0);
  put32((uint32_t)status);
  put32(status == W2N_TRAPPED ? w2n_last_trap() : 0);
  put32(number);
  put32((uint32_t)strlen(why));
  put(why, strlen(why));
}

static void do_register(request *r) {
  uint32_t number = take32(r);
  size_t bytes;
  const char *name = take_string(r, &bytes);
  if (!store_instance(number)) r->problem = "no such instance";
  else if (!store_register(number, name, bytes)) fatal("out of memory");
  else put8(0);
}

/* The type of an exported function by the rows of the instance that exports it. */
static const w2n_type_row *type_of(w2n_instance *inst, const char *name, size_t bytes) {
  const w2n_header *h = inst->header;
  const uint8_t *base = (const uint8_t *)h;
  const w2n_export_row *rows = (const w2n_export_row *)(base + h->sections[W2N_S_EXPORTS].offset);
  for (uint64_t i = 0; i < h->sections[W2N_S_EXPORTS].count; i++) {
    if (rows[i].kind != W2N_FUNC || rows[i].name.bytes != bytes || memcmp(base + rows[i].name.offset, name, bytes) != 0) continue;
    const w2n_function_row *f = (const w2n_function_row *)(base + h->sections[W2N_S_FUNCTIONS].offset) + rows[i].index;
    return (const w2n_type_row *)(base + h->sections[W2N_S_TYPES].offset) + f->type;
  }
  return NULL;
}

static void do_invoke(request *r) {
  static w2n_value vals[MAX_VALUES];
  w2n_instance *inst = take_instance(r);
  const request before = *r;
  w2n_extern found;
  if (!inst || !take_export(r, inst, W2N_FUNC, &found)) return;
  request again = before;
  size_t bytes;
  const char *name = take_string(&again, &bytes);
  const w2n_type_row *type = type_of(inst, name, bytes);
  uint32_t n = take32(r);
  if (!type || n != type->params || n > MAX_VALUES || type->results > MAX_VALUES) {
    r->problem = "wrong number of arguments";
    return;
  }
  if ((size_t)(r->end - r->at) != n * sizeof *vals) {
    r->problem = "the arguments do not fill the request";
    return;
  }
  memcpy(vals, r->at, n * sizeof *vals);
  const uint8_t *codes = (const uint8_t *)inst->header + type->valtypes_offset + type->params;
  uint32_t kind = w2n_call(found.of.func, vals);
  put8(0);
  put32(kind);
  put32(kind == 0 ? type->results : 0);
  for (uint32_t i = 0; kind == 0 && i < type->results; i++) {
    put8(codes[i]);
    put(&vals[i], sizeof vals[i]);
  }
}

static void do_global(request *r) {
  w2n_extern found;
  if (!take_export(r, take_instance(r), W2N_GLOBAL, &found)) return;
  put8(0);
  put8((uint8_t)found.of.global.type);
  put(found.of.global.value, sizeof(w2n_value));
}

static void do_read(request *r) {
  w2n_memory *m = take_memory(r);
  uint64_t offset = take64(r), n = take64(r);
  if (!m || r->problem) return;
  uint64_t size = w2n_memory_size(m);
  if (offset > size) offset = size;
  if (n > size - offset) n = size - offset;
  put8(0);
  put(w2n_memory_data(m) + offset, n);
}

static void do_write(request *r) {
  w2n_memory *m = take_memory(r);
  uint64_t offset = take64(r), n = (uint64_t)(r->end - r->at);
  if (!m || r->problem) return;
  if (offset > w2n_memory_size(m) || n > w2n_memory_size(m) - offset) {
    r->problem = "beyond the memory";
    return;
  }
  memcpy(w2n_memory_data(m) + offset, r->at, n);
  put8(0);
}

static void do_digest(request *r) {
  w2n_memory *m = take_memory(r);
  if (!m || r->problem) return;
  uint64_t bytes = w2n_memory_size(m), hash = 14695981039346656037u, word;
  const uint8_t *data = w2n_memory_data(m);
  for (uint64_t i = 0; i + 8 <= bytes; i += 8) {
    memcpy(&word, data + i, 8);
    hash = (hash ^ word) * 1099511628211u;
  }
  for (uint64_t i = bytes & ~(uint64_t)7; i < bytes; i++) hash = (hash ^ data[i]) * 1099511628211u;
  put8(0);
  put64(bytes);
  put64(hash);
}

static void do_report(void) {
  int fd = memfd_create("report", 0);
  if (fd < 0) fatal("no memory for a report");
  w2n_report(fd);
  off_t bytes = lseek(fd, 0, SEEK_END);
  put8(0);
  uint8_t *to = extend(&out, (size_t)bytes);
  if (pread(fd, to, (size_t)bytes, 0) != bytes) fatal("cannot read a report");
  out.used += (size_t)bytes;
  close(fd);
}

static void do_describe(request *r) {
  w2n_instance *inst = take_instance(r);
  size_t bytes;
  const char *name = take_string(r, &bytes);
  w2n_extern found;
  if (!inst) return;
  if (!w2n_export(inst, name, bytes, &found)) {
    r->problem = "no such export";
    return;
  }
  const w2n_type_row *type = found.kind == W2N_FUNC ? type_of(inst, name, bytes) : NULL;
  const uint8_t *codes = type ? (const uint8_t *)inst->header + type->valtypes_offset : NULL;
  put8(0);
  put8((uint8_t)found.kind);
  put32(type ? type->params : 0);
  if (type) put(codes, type->params);
  put32(type ? type->results : 0);
  if (type) put(codes + type->params, type->results);
}

static void serve(request *r) {
  uint8_t operation = *take(r, 1);
  switch (operation) {
    case 1: do_load(r); break;
    case 2: do_instantiate(r); break;
    case 3: do_register(r); break;
    case 4: do_invoke(r); break;
    case 5: do_global(r); break;
    case 6: do_read(r); break;
    case 7: do_digest(r); break;
    case 8: store_reset(); put8(0); break;
    case 9: do_write(r); break;
    case 10: do_report(); break;
    case 11: do_describe(r); break;
    default: r->problem = "no such operation";
  }
}

int main(void) {
  while (fill(4)) {
    uint32_t bytes;
    memcpy(&bytes, in.data + in_at, 4);
    if (!fill(4 + (size_t)bytes)) break;
    request r = {in.data + in_at + 4, in.data + in_at + 4 + bytes, NULL};
    size_t start = out.used;
    put32(0);
    serve(&r);
    if (r.problem) {
      out.used = start + 4;
      put8(1);
      put(r.problem, strlen(r.problem));
    }
    uint32_t answer = (uint32_t)(out.used - start - 4);
    memcpy(out.data + start, &answer, 4);
    in_at += 4 + (size_t)bytes;
  }
  flush();
  return 0;
}
