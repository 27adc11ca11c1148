/* load.c: runs an executable for macOS, of the kind that the command links, on Linux with the same processor:
 *   load PROGRAM ARGUMENTS...
 * Maps the segments at another place than the one they were linked for, does what dyld does (LC_DYLD_INFO: rebase, bind,
 * thread-local variables), gives it the functions of system.c as libSystem, and calls main. The exit status is the
 * program's. Sources: Apple's <mach-o/loader.h>, dyld's "Mach-O File Format Reference". */
#include "load.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

typedef struct segment_command {
  uint32_t cmd, cmdsize;
  char segname[16];
  uint64_t vmaddr, vmsize, fileoff, filesize;
  uint32_t maxprot, initprot, nsects, flags;
} segment_command;
typedef struct section {
  char sectname[16], segname[16];
  uint64_t addr, size;
  uint32_t offset, align, reloff, nreloc, flags, reserved[3];
} section;
typedef struct dyld_info_command {
  uint32_t cmd, cmdsize, rebase_off, rebase_size, bind_off, bind_size, weak_bind_off, weak_bind_size, lazy_bind_off,
      lazy_bind_size, export_off, export_size;
} dyld_info_command;

enum { MAGIC = (int)0xfeedfacf, HEADER_BYTES = 32, MOST_SEGMENTS = 16 };
enum { LC_SEGMENT_64 = 0x19, LC_DYLD_INFO_ONLY = (int)0x80000022, LC_MAIN = (int)0x80000028 };
enum { S_THREAD_LOCAL_REGULAR = 0x11, S_THREAD_LOCAL_ZEROFILL = 0x12 };

uint8_t *thread_variables;
static uint64_t slide;
static segment_command segments[MOST_SEGMENTS];
static int segment_count;
static uint64_t fixed;

void die(const char *what, const char *which) {
  fprintf(stderr, "load: %s %s\n", what, which);
  _Exit(99);
}

static uint64_t uleb(const uint8_t **p) {
  uint64_t value = 0;
  int shift = 0;
  uint8_t byte;
  do {
    byte = *(*p)++;
    value |= (uint64_t)(byte & 0x7f) << shift;
    shift += 7;
  } while (byte & 0x80);
  return value;
}

static int64_t sleb(const uint8_t **p) {
  const uint8_t *start = *p;
  uint64_t value = uleb(p);
  int bits = 7 * (int)(*p - start);
  return (*p)[-1] & 0x40 && bits < 64 ? (int64_t)(value | ~UINT64_C(0) << bits) : (int64_t)value;
}

static uint64_t *place(uint32_t segment, uint64_t offset) {
  if ((int)segment >= segment_count || offset + 8 > segments[segment].vmsize) die("a fixup beyond its segment", "");
  /* Code is as it was linked. */
  if (segments[segment].initprot & 4) die("a fixup in executable segment", segments[segment].segname);
  fixed++;
  return (uint64_t *)(segments[segment].vmaddr + slide + offset);
}

static void rebase(const uint8_t *p, const uint8_t *end) {
  uint32_t segment = 0;
  uint64_t at = 0;
  while (p < end) {
    uint8_t low = *p & 15, op = *p++ & 0xf0;
    uint64_t count = 0, skip = 0;
    switch (op) {
      case 0x00: return;
      case 0x10: break; /* type: pointer */
      case 0x20: segment = low, at = uleb(&p); break;
      case 0x30: at += uleb(&p); break;
      case 0x40: at += 8 * (uint64_t)low; break;
      case 0x50: count = low; break;
      case 0x60: count = uleb(&p); break;
      case 0x70: count = 1, skip = uleb(&p); break;
      case 0x80: count = uleb(&p), skip = uleb(&p); break;
      default: die("an unknown rebase opcode", "");
    }
    for (; count > 0; count--, at += 8 + skip) *place(segment, at) += slide;
  }
}

static void bind(const uint8_t *p, const uint8_t *end) {
  uint32_t segment = 0;
  uint64_t at = 0;
  int64_t addend = 0;
  const char *name = "";
  while (p < end) {
    uint8_t low = *p & 15, op = *p++ & 0xf0;
    uint64_t count = 0, skip = 0;
    switch (op) {
      case 0x00: break; /* done, or the end of one lazy binding */
      case 0x10: case 0x30: case 0x50: break; /* which library, type */
      case 0x20: uleb(&p); break;
      case 0x40: name = (const char *)p; p += strlen(name) + 1; break;
      case 0x60: addend = sleb(&p); break;
      case 0x70: segment = low, at = uleb(&p); break;
      case 0x80: at += uleb(&p); break;
      case 0x90: count = 1; break;
      case 0xa0: count = 1, skip = uleb(&p); break;
      case 0xb0: count = 1, skip = 8 * (uint64_t)low; break;
      case 0xc0: count = uleb(&p), skip = uleb(&p); break;
      default: die("an unknown bind opcode", "");
    }
    for (; count > 0; count--, at += 8 + skip) *place(segment, at) = (uint64_t)system_symbol(name) + (uint64_t)addend;
  }
}

static void map_segments(const uint8_t *file) {
  uint64_t low = UINT64_MAX, high = 0;
  for (int i = 0; i < segment_count; i++) {
    if (segments[i].initprot == 0) continue; /* __PAGEZERO */
    if (segments[i].vmaddr < low) low = segments[i].vmaddr;
    if (segments[i].vmaddr + segments[i].vmsize > high) high = segments[i].vmaddr + segments[i].vmsize;
  }
  const uint64_t page = 16384;
  uint8_t *base = mmap(NULL, high - low + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (base == MAP_FAILED) die("no memory", "");
  slide = (((uint64_t)base + page - 1) & ~(page - 1)) - low;
  for (int i = 0; i < segment_count; i++)
    if (segments[i].initprot != 0)
      memcpy((uint8_t *)(segments[i].vmaddr + slide), file + segments[i].fileoff, segments[i].filesize);
}

/* One block of thread-local variables, for the only thread, from the sections that hold their first values. */
static void make_thread_variables(const section *s, uint32_t count) {
  static uint64_t start, end;
  for (uint32_t i = 0; i < count; i++) {
    uint32_t type = s[i].flags & 0xff;
    if (type != S_THREAD_LOCAL_REGULAR && type != S_THREAD_LOCAL_ZEROFILL) continue;
    if (start == 0 || s[i].addr < start) start = s[i].addr;
    if (s[i].addr + s[i].size > end) end = s[i].addr + s[i].size;
  }
  if (start == 0) return;
  free(thread_variables);
  thread_variables = calloc(1, end - start + 64);
  memcpy(thread_variables, (const void *)(start + slide), end - start);
}

int main(int argc, char **argv) {
  if (argc < 2) die("no program", "");
  int fd = open(argv[1], O_RDONLY);
  struct stat stat;
  if (fd < 0 || fstat(fd, &stat) != 0) die("cannot open", argv[1]);
  const uint8_t *file = mmap(NULL, (size_t)stat.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
  if (file == MAP_FAILED || *(const int32_t *)file != MAGIC) die("no 64-bit Mach-O file:", argv[1]);
  uint32_t commands = ((const uint32_t *)file)[4];
  const dyld_info_command *info = NULL;
  uint64_t entry = 0;
  const uint8_t *p = file + HEADER_BYTES;
  for (uint32_t i = 0; i < commands; i++, p += ((const uint32_t *)p)[1]) {
    int cmd = (int)((const uint32_t *)p)[0];
    if (cmd == LC_SEGMENT_64 && segment_count < MOST_SEGMENTS) memcpy(&segments[segment_count++], p, sizeof *segments);
    if (cmd == LC_DYLD_INFO_ONLY) info = (const dyld_info_command *)p;
    if (cmd == LC_MAIN) entry = ((const uint64_t *)p)[1];
  }
  if (!info || !entry) die("no LC_DYLD_INFO_ONLY or no LC_MAIN in", argv[1]);
  map_segments(file);
  rebase(file + info->rebase_off, file + info->rebase_off + info->rebase_size);
  bind(file + info->bind_off, file + info->bind_off + info->bind_size);
  bind(file + info->lazy_bind_off, file + info->lazy_bind_off + info->lazy_bind_size);
  if (fixed < 20) die("too few fixups in", argv[1]);
  p = file + HEADER_BYTES;
  for (uint32_t i = 0; i < commands; i++, p += ((const uint32_t *)p)[1])
    if (((const uint32_t *)p)[0] == LC_SEGMENT_64)
      make_thread_variables((const section *)(p + sizeof(segment_command)), ((const segment_command *)p)->nsects);
  uint64_t start = 0;
  for (int i = 0; i < segment_count; i++) {
    const segment_command *s = &segments[i];
    if (s->initprot == 0) continue;
    if (s->fileoff == 0) start = s->vmaddr + slide;
    int protection = (s->initprot & 1 ? PROT_READ : 0) | (s->initprot & 2 ? PROT_WRITE : 0) | (s->initprot & 4 ? PROT_EXEC : 0);
    if (mprotect((void *)(s->vmaddr + slide), s->vmsize, protection) != 0) die("cannot protect", s->segname);
  }
  system_start();
  int (*program)(int, char **, char **) = (int (*)(int, char **, char **))(start + entry);
  exit(program(argc - 1, argv + 1, environment));
}
