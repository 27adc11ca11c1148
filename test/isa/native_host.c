/* Runs compiled functions for tests: maps a text made by test/isa/native.ts, calls functions in it through its `enter`
 * thunk, and reports results, traps, memory and instance after each call.
 *
 * native_host TEXT CALLS: TEXT is the module's text. CALLS is: u32 number of calls, enter offset, unwind offset, memory
 * bytes, instance bytes, number of callees, 0, 0; for each callee u32 host thunk offset and what identifies it
 * (all ones: a function of the text itself); the
 * instance's bytes behind its head; the memory's bytes; then for each call u32 function offset, call thunk offset,
 * number of values, 0 and the values (16 bytes each). The callees' w2n_funcs lie behind the instance's bytes.
 * Memory ends where its last page ends, so that it traps to the byte. Output for each call: u32 trap kind, 0, values,
 * memory, instance.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#define RESERVED ((size_t)10 << 30)
#define HEAD 128
#define STACK_BYTES ((size_t)1 << 20)
#define GUARD_BYTES ((size_t)1 << 20)

typedef uint32_t enter_fn(void *inst, const void *f, void *vals, const void *thunk, void *stack_top, uintptr_t *entry_sp);

struct func {
  const void *code;
  uint32_t type_id, local_type;
  void *instance;
  void *array_entry;
};

static uint8_t *text;
static size_t text_bytes;
static uint8_t *reserve;
static uint8_t *memory;
static uint8_t *instance;
static uint8_t *stack;
static uint32_t memory_bytes, instance_bytes, unwind_offset;
static uintptr_t entry_sp;
static uint64_t call_count;

static void fail(const char *what) {
  perror(what);
  exit(2);
}

static void handler(int sig, siginfo_t *info, void *context) {
  ucontext_t *uc = context;
#if defined(__x86_64__)
  greg_t *regs = uc->uc_mcontext.gregs;
  uint8_t *pc = (uint8_t *)regs[REG_RIP];
#else
  uint8_t *pc = (uint8_t *)uc->uc_mcontext.pc;
#endif
  uint8_t *at = info->si_addr;
  uint32_t kind = 0;
  if (pc >= text && pc < text + text_bytes) {
#if defined(__x86_64__)
    if (sig == SIGILL && pc[0] == 0x0f && pc[1] == 0xb9) kind = pc[2] & 63;
#else
    if (sig == SIGILL && pc[1] == 0 && pc[2] == 0 && pc[3] == 0) kind = pc[0];
#endif
    if (sig == SIGSEGV && at >= reserve && at < reserve + RESERVED) kind = 2;
    if (sig == SIGSEGV && at >= stack && at < stack + GUARD_BYTES) kind = 9;
  }
  if (kind == 0) {
    fprintf(stderr, "signal %d at pc %p (text + %ld), address %p\n", sig, (void *)pc, (long)(pc - text), (void *)at);
    _exit(3);
  }
#if defined(__x86_64__)
  regs[REG_RIP] = (greg_t)(text + unwind_offset);
  regs[REG_RSP] = (greg_t)(entry_sp - 8);
  regs[REG_RDI] = (greg_t)entry_sp;
  regs[REG_RSI] = kind;
#else
  uc->uc_mcontext.pc = (uintptr_t)(text + unwind_offset);
  uc->uc_mcontext.sp = entry_sp;
  uc->uc_mcontext.regs[0] = entry_sp;
  uc->uc_mcontext.regs[1] = kind;
#endif
}

static uint8_t *slurp(const char *path, size_t *bytes) {
  FILE *file = fopen(path, "rb");
  if (!file) fail(path);
  fseek(file, 0, SEEK_END);
  long size = ftell(file);
  rewind(file);
  uint8_t *data = malloc((size_t)size + 16);
  if (!data || fread(data, 1, (size_t)size, file) != (size_t)size) fail(path);
  fclose(file);
  *bytes = (size_t)size;
  return data;
}

/* The callee of every call that a tested function makes: test/isa/native.ts computes the same. Arguments are mixed
 * into memory and instance, results come from what was called before. */
static uint32_t callee(void *env, uint64_t *vals) {
  uint64_t index = (uint64_t)(uintptr_t)env & 255;
  uint64_t args = (uint64_t)(uintptr_t)env >> 8 & 255, results = (uint64_t)(uintptr_t)env >> 16;
  uint64_t hash = index * 0x9e3779b97f4a7c15u + ++call_count;
  for (uint64_t k = 0; k < args; k++) hash = (hash ^ vals[2 * k]) * 0xbf58476d1ce4e5b9u;
  hash ^= hash >> 29;
  if (index != 0) {
    memory[hash % memory_bytes] ^= (uint8_t)(hash >> 32);
    instance[HEAD + (hash >> 8) % 64] ^= (uint8_t)(hash >> 40);
  }
  if (index == 4 && (hash >> 50) % 3 == 0) return 12;
  /* The first result is an i32, the second an f32. */
  if (results > 0) vals[0] = (uint32_t)(hash >> 16);
  if (results > 1) vals[2] = 0x3f800000u + (uint32_t)(hash >> 44);
  return 0;
}

static void trap_helper(void *inst, uint32_t kind) {
  (void)inst;
  ((void (*)(uintptr_t, uint32_t))(uintptr_t)(text + unwind_offset))(entry_sp, kind);
}

int main(int argc, char **argv) {
  if (argc != 3) return 1;
  size_t bytes;
  uint8_t *code = slurp(argv[1], &text_bytes);
  uint32_t *calls = (uint32_t *)slurp(argv[2], &bytes);
  text = mmap(NULL, text_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (text == MAP_FAILED) fail("text");
  memcpy(text, code, text_bytes);
  if (mprotect(text, text_bytes, PROT_READ | PROT_EXEC)) fail("text");
  uint32_t count = calls[0], enter_offset = calls[1];
  unwind_offset = calls[2];
  memory_bytes = calls[3];
  instance_bytes = calls[4];
  uint32_t functions = calls[5];
  const uint32_t *callees = calls + 8;
  const uint8_t *instance_init = (const uint8_t *)(callees + 2 * functions);
  const uint8_t *memory_init = instance_init + instance_bytes;
  const uint8_t *record = memory_init + memory_bytes;
  reserve = mmap(NULL, RESERVED, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (reserve == MAP_FAILED) fail("memory");
  size_t pages = ((size_t)memory_bytes + 4095) & ~(size_t)4095;
  if (pages && mprotect(reserve + 65536, pages, PROT_READ | PROT_WRITE)) fail("memory");
  memory = reserve + 65536 + pages - memory_bytes;
  stack = mmap(NULL, GUARD_BYTES + STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (stack == MAP_FAILED || mprotect(stack, GUARD_BYTES, PROT_NONE)) fail("stack");
  instance = calloc(1, HEAD + instance_bytes + 64 + functions * sizeof(struct func));
  if (!instance) fail("instance");
  static const void *helpers[16] = {(const void *)(uintptr_t)trap_helper};
  struct host {
    uint8_t head[HEAD];
    void *fn, *env;
  } *hosts = calloc(functions + 1, sizeof *hosts);
  *(uint64_t *)(void *)(instance + 16) = (uint64_t)(uintptr_t)(stack + GUARD_BYTES + 4096);
  *(const void **)(void *)(instance + 8) = text;
  *(const void **)(void *)(instance + 40) = helpers;
  *(void **)(void *)instance = memory;

  stack_t alt = {.ss_sp = malloc(65536), .ss_size = 65536};
  struct sigaction sa = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_ONSTACK};
  if (sigaltstack(&alt, NULL) || sigaction(SIGSEGV, &sa, NULL) || sigaction(SIGILL, &sa, NULL)) fail("signals");
  sigaction(SIGFPE, &sa, NULL);
  sigaction(SIGBUS, &sa, NULL);

  for (uint32_t i = 0; i < count; i++) {
    uint32_t header[4];
    memcpy(header, record, sizeof header);
    record += sizeof header;
    memcpy(memory, memory_init, memory_bytes);
    memcpy(instance + HEAD, instance_init, instance_bytes);
    /* w2n_funcs of the callees, behind the instance's bytes: host thunk, host object. */
    for (uint32_t k = 0; k < functions; k++) {
      struct func *slot = (struct func *)(void *)(instance + HEAD + instance_bytes) + k;
      memcpy(hosts[k].head, instance, HEAD);
      if (callees[2 * k + 1] == 0xffffffff) {
        slot->code = text + callees[2 * k];
        slot->instance = instance;
        continue;
      }
      hosts[k].fn = (void *)(uintptr_t)callee;
      hosts[k].env = (void *)(uintptr_t)callees[2 * k + 1];
      slot->code = text + callees[2 * k];
      slot->instance = &hosts[k];
    }
    call_count = 0;
    _Alignas(16) uint8_t vals[64 * 16] = {0};
    memcpy(vals, record, header[2] * 16);
    record += header[2] * 16;
    struct func f = {text + header[0], 0, 0, instance, NULL};
    enter_fn *enter = (enter_fn *)(uintptr_t)(text + enter_offset);
    uint32_t kind = enter(instance, &f, vals, text + header[1], stack + GUARD_BYTES + STACK_BYTES, &entry_sp);
    uint32_t out[2] = {kind, 0};
    fwrite(out, 1, sizeof out, stdout);
    fwrite(vals, 16, header[2], stdout);
    fwrite(memory, 1, memory_bytes, stdout);
    fwrite(instance + HEAD, 1, instance_bytes, stdout);
  }
  return ferror(stdout) ? 4 : 0;
}
