/* loader.c: maps w2n_text (all runs at their distances), w2n_image and the sections that hold the module record, applies
 * the 64-bit absolute relocations of the record, and makes the text readable and executable. Everything else in the
 * object (unwind and debug information) is left alone. Refuses objects with relocations in the text. */
#define _GNU_SOURCE
#include "loader.h"

#include <elf.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum {
  PAGE = 65536,
  MAX_SECTIONS = 4096,
  BTI = 0x10 /* PROT_BTI of <asm/mman.h> */
};

/* Mach-O, <mach-o/loader.h> and <mach-o/reloc.h>. */
enum {
  MH_MAGIC_64 = 0xfeedfacf, MH_OBJECT = 1, LC_SYMTAB = 2, LC_SEGMENT_64 = 0x19, ZEROFILL = 1,
  N_TYPE = 0x0e, N_SECT = 0x0e, N_STAB = 0xe0, RELOC_UNSIGNED = 0
};
typedef struct macho_section {
  char sectname[16], segname[16];
  uint64_t addr, size;
  uint32_t offset, align, reloff, nreloc, flags, reserved[3];
} macho_section;
typedef struct macho_symbol {
  uint32_t name;
  uint8_t type, section;
  uint16_t desc;
  uint64_t value;
} macho_symbol;

/* One section of interest. */
typedef struct section {
  uint64_t file_offset, size, at; /* at: in the mapping */
  uint64_t file_address;          /* Mach-O: symbol values count from it */
  bool loaded, has_bytes;
  int run; /* of the text, -1: other */
} section;

typedef struct loader {
  const uint8_t *bytes;
  uint64_t size;
  symbol_lookup lookup;
  loaded_object *out;
  section sections[MAX_SECTIONS];
  uint32_t count;
  uint64_t text_bytes;
  bool guarded; /* ELF, aarch64: indirect branches in the text must land on landing pads */
} loader;

static char error_text[256];
static const char *fail(const char *what, const char *name) {
  snprintf(error_text, sizeof error_text, "%s%s%s", what, name ? ": " : "", name ? name : "");
  return error_text;
}

static bool in_file(const loader *l, uint64_t offset, uint64_t bytes) {
  return offset <= l->size && bytes <= l->size - offset;
}

/* The run of a text section's name, -1 for other names. */
static int text_run(const char *name) {
  if (strncmp(name, "w2n_text", 8) != 0) return -1;
  return name[8] == 0 ? 0 : atoi(name + 8);
}

/* Places all loaded sections: the text first, then each on pages of its own. */
static const char *map_sections(loader *l, const uint64_t *run_offsets, uint32_t runs) {
  uint64_t end = 0;
  for (uint32_t i = 0; i < l->count; i++) {
    section *s = &l->sections[i];
    if (!s->loaded || s->run < 0) continue;
    if ((uint32_t)s->run >= (runs ? runs : 1)) return fail("a run of the text without an offset", NULL);
    s->at = runs ? run_offsets[s->run] : 0;
    if (s->at + s->size > end) end = s->at + s->size;
  }
  if (end == 0) return fail("no section w2n_text", NULL);
  l->text_bytes = (end + PAGE - 1) & ~(uint64_t)(PAGE - 1);
  end = l->text_bytes;
  for (uint32_t i = 0; i < l->count; i++) {
    section *s = &l->sections[i];
    if (!s->loaded || s->run >= 0) continue;
    s->at = end;
    end += (s->size + PAGE - 1) & ~(uint64_t)(PAGE - 1);
  }
  /* Aligned to 64 KiB. */
  uint8_t *p = mmap(NULL, end + PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (p == MAP_FAILED) return fail("no memory for the object", NULL);
  uint8_t *base = (uint8_t *)(((uintptr_t)p + PAGE - 1) & ~(uintptr_t)(PAGE - 1));
  if (base > p) munmap(p, (size_t)(base - p));
  if (base < p + PAGE) munmap(base + end, (size_t)(p + PAGE - base));
  l->out->mapping = base;
  l->out->mapping_bytes = end;
  for (uint32_t i = 0; i < l->count; i++) {
    section *s = &l->sections[i];
    if (!s->loaded || s->size == 0) continue;
    uint64_t first = s->at & ~(uint64_t)4095;
    if (mprotect(base + first, s->at + s->size - first, PROT_READ | PROT_WRITE) != 0)
      return fail("no memory for the object", NULL);
    if (!s->has_bytes) continue;
    if (!in_file(l, s->file_offset, s->size)) return fail("a section reaches beyond the file", NULL);
    memcpy(base + s->at, l->bytes + s->file_offset, s->size);
  }
  return NULL;
}

static const char *protect_text(loader *l) {
  uint8_t *base = l->out->mapping;
  for (uint32_t i = 0; i < l->count; i++) {
    section *s = &l->sections[i];
    if (!s->loaded || s->run < 0 || s->size == 0) continue;
    uint64_t first = s->at & ~(uint64_t)4095;
    if (mprotect(base + first, s->at + s->size - first, PROT_READ | PROT_EXEC | (l->guarded ? BTI : 0)) != 0)
      return fail("cannot make the text executable", NULL);
    __builtin___clear_cache((char *)base + s->at, (char *)base + s->at + s->size);
  }
  return NULL;
}

/* Stores S + A at a place of a loaded section. */
static const char *relocate(loader *l, uint32_t in, uint64_t offset, uint64_t value) {
  section *s = &l->sections[in];
  if (s->run >= 0) return fail("a relocation in the text", NULL);
  if (s->size < 8 || offset > s->size - 8) return fail("a relocation beyond its section", NULL);
  memcpy((uint8_t *)l->out->mapping + s->at + offset, &value, 8);
  return NULL;
}

static bool is_record(const char *name) { return strncmp(name, "w2n_module_", 11) == 0; }

/* ---- ELF ---- */

/* GNU_PROPERTY_AARCH64_FEATURE_1_AND with its bit 0, as the only property: what our objects have. */
static bool has_bti(const loader *l, const Elf64_Shdr *note) {
  static const uint32_t wanted[6] = {4, 16, 5, 0x00554e47, 0xc0000000, 4};
  uint32_t features = 0;
  if (note->sh_type != SHT_NOTE || !in_file(l, note->sh_offset, note->sh_size) || note->sh_size != 32) return false;
  memcpy(&features, l->bytes + note->sh_offset + sizeof wanted, sizeof features);
  return memcmp(l->bytes + note->sh_offset, wanted, sizeof wanted) == 0 && features & 1;
}

static const char *elf_value(loader *l, const Elf64_Sym *symbol, const char *names, uint64_t *value) {
  const char *name = names + symbol->st_name;
  if (symbol->st_shndx == SHN_UNDEF) {
    *value = (uint64_t)(uintptr_t)l->lookup(name);
    return NULL;
  }
  if (symbol->st_shndx >= l->count || !l->sections[symbol->st_shndx].loaded)
    return fail("a relocation against a section that is not loaded", name);
  *value = (uint64_t)(uintptr_t)l->out->mapping + l->sections[symbol->st_shndx].at + symbol->st_value;
  return NULL;
}

static const char *load_elf(loader *l, const uint64_t *run_offsets, uint32_t runs) {
  const Elf64_Ehdr *e = (const Elf64_Ehdr *)l->bytes;
  const uint16_t machine = sizeof(void *) != 8 ? 0 :
#if defined(__x86_64__)
                                                 EM_X86_64;
  const uint32_t absolute = R_X86_64_64;
#else
                                                 EM_AARCH64;
  const uint32_t absolute = R_AARCH64_ABS64;
#endif
  if (l->size < sizeof *e || e->e_ident[EI_CLASS] != ELFCLASS64 || e->e_type != ET_REL) return fail("not an ELF64 relocatable", NULL);
  if (e->e_machine != machine) return fail("an object for another machine", NULL);
  if (e->e_shentsize != sizeof(Elf64_Shdr) || !in_file(l, e->e_shoff, (uint64_t)e->e_shnum * sizeof(Elf64_Shdr)) ||
      e->e_shnum > MAX_SECTIONS || e->e_shstrndx >= e->e_shnum)
    return fail("bad section headers", NULL);
  const Elf64_Shdr *headers = (const Elf64_Shdr *)(l->bytes + e->e_shoff);
  const char *names = (const char *)l->bytes + headers[e->e_shstrndx].sh_offset;
  l->count = e->e_shnum;
  const Elf64_Shdr *symbols = NULL;
  for (uint32_t i = 0; i < l->count; i++) {
    const char *name = names + headers[i].sh_name;
    section *s = &l->sections[i];
    *s = (section){.file_offset = headers[i].sh_offset, .size = headers[i].sh_size, .run = text_run(name)};
    s->loaded = (headers[i].sh_flags & SHF_ALLOC) && (s->run >= 0 || (headers[i].sh_flags & SHF_WRITE) || strncmp(name, ".rodata", 7) == 0);
    s->has_bytes = headers[i].sh_type != SHT_NOBITS;
    if (headers[i].sh_type == SHT_SYMTAB) symbols = &headers[i];
    if (strcmp(name, ".note.gnu.property") == 0) l->guarded = has_bti(l, &headers[i]);
  }
  if (!symbols) return fail("no symbol table", NULL);
  const char *problem = map_sections(l, run_offsets, runs);
  if (problem) return problem;
  const Elf64_Sym *table = (const Elf64_Sym *)(l->bytes + symbols->sh_offset);
  const char *strings = (const char *)l->bytes + headers[symbols->sh_link].sh_offset;
  for (uint32_t i = 0; i < l->count && !problem; i++) {
    if (headers[i].sh_type != SHT_RELA || !l->sections[headers[i].sh_info].loaded) continue;
    const Elf64_Rela *relocations = (const Elf64_Rela *)(l->bytes + headers[i].sh_offset);
    for (uint64_t k = 0; k < headers[i].sh_size / sizeof *relocations && !problem; k++) {
      const Elf64_Rela *r = &relocations[k];
      uint64_t value = 0;
      if (ELF64_R_TYPE(r->r_info) == 0) continue; /* NONE: only keeps a run's section in a link */
      if (ELF64_R_TYPE(r->r_info) != absolute) return fail("a relocation other than a 64-bit absolute one", NULL);
      problem = elf_value(l, &table[ELF64_R_SYM(r->r_info)], strings, &value);
      if (!problem) problem = relocate(l, headers[i].sh_info, r->r_offset, value + (uint64_t)(value ? r->r_addend : 0));
    }
  }
  for (uint64_t i = 0; i < symbols->sh_size / sizeof *table && !problem; i++) {
    uint64_t value = 0;
    if (table[i].st_shndx == SHN_UNDEF || !is_record(strings + table[i].st_name)) continue;
    problem = elf_value(l, &table[i], strings, &value);
    l->out->module = (const w2n_module *)(uintptr_t)value;
  }
  return problem;
}

/* ---- Mach-O ---- */

static const char *macho_value(loader *l, const macho_symbol *symbol, const char *names, uint64_t *value) {
  const char *name = names + symbol->name;
  if ((symbol->type & N_TYPE) != N_SECT) {
    *value = (uint64_t)(uintptr_t)l->lookup(*name == '_' ? name + 1 : name);
    return NULL;
  }
  if (symbol->section == 0 || symbol->section > l->count || !l->sections[symbol->section - 1].loaded)
    return fail("a relocation against a section that is not loaded", name);
  const section *s = &l->sections[symbol->section - 1];
  *value = (uint64_t)(uintptr_t)l->out->mapping + s->at + (symbol->value - s->file_address);
  return NULL;
}

static const char *load_macho(loader *l, const uint64_t *run_offsets, uint32_t runs) {
  const uint32_t *words = (const uint32_t *)l->bytes;
#if defined(__x86_64__)
  const uint32_t cpu = 0x01000007;
#else
  const uint32_t cpu = 0x0100000c;
#endif
  if (l->size < 32 || words[3] != MH_OBJECT) return fail("not a Mach-O relocatable", NULL);
  if (words[1] != cpu) return fail("an object for another machine", NULL);
  const macho_section *found[MAX_SECTIONS];
  const uint32_t *symtab = NULL;
  uint64_t at = 32;
  for (uint32_t i = 0; i < words[4]; i++) {
    const uint32_t *command = (const uint32_t *)(l->bytes + at);
    if (!in_file(l, at, 8) || !in_file(l, at, command[1]) || command[1] < 8) return fail("bad load commands", NULL);
    if (command[0] == LC_SYMTAB) symtab = command;
    if (command[0] == LC_SEGMENT_64)
      for (uint32_t k = 0; k < command[16]; k++) {
        const macho_section *m = (const macho_section *)(l->bytes + at + 72) + k;
        char name[17] = {0};
        memcpy(name, m->sectname, 16);
        if (l->count == MAX_SECTIONS) return fail("too many sections", NULL);
        section *s = &l->sections[l->count];
        *s = (section){.file_offset = m->offset, .size = m->size, .file_address = m->addr, .run = text_run(name)};
        s->loaded = s->run >= 0 || strncmp(m->segname, "__DATA", 16) == 0 || strncmp(name, "__cstring", 16) == 0;
        s->has_bytes = (m->flags & 0xff) != ZEROFILL;
        found[l->count++] = m;
      }
    at += command[1];
  }
  if (!symtab) return fail("no symbol table", NULL);
  const char *problem = map_sections(l, run_offsets, runs);
  if (problem) return problem;
  const macho_symbol *table = (const macho_symbol *)(l->bytes + symtab[2]);
  const char *strings = (const char *)l->bytes + symtab[4];
  for (uint32_t i = 0; i < l->count && !problem; i++) {
    if (!l->sections[i].loaded) continue;
    const uint32_t *relocations = (const uint32_t *)(l->bytes + found[i]->reloff);
    for (uint32_t k = 0; k < found[i]->nreloc && !problem; k++) {
      uint32_t place = relocations[2 * k], info = relocations[2 * k + 1];
      uint64_t value = 0, addend;
      /* symbolnum:24, pcrel:1, length:2, extern:1, type:4 */
      if (info >> 28 != RELOC_UNSIGNED || (info >> 27 & 1) != 1 || (info >> 25 & 3) != 3 || (info >> 24 & 1) != 0)
        return fail("a relocation other than a 64-bit absolute one", NULL);
      if (l->sections[i].size < 8 || place > l->sections[i].size - 8) return fail("a relocation beyond its section", NULL);
      memcpy(&addend, (uint8_t *)l->out->mapping + l->sections[i].at + place, 8);
      problem = macho_value(l, &table[info & 0xffffff], strings, &value);
      if (!problem) problem = relocate(l, i, place, value ? value + addend : 0);
    }
  }
  for (uint32_t i = 0; i < symtab[3] && !problem; i++) {
    const char *name = strings + table[i].name;
    uint64_t value = 0;
    if (table[i].type & N_STAB || (table[i].type & N_TYPE) != N_SECT || *name != '_' || !is_record(name + 1)) continue;
    problem = macho_value(l, &table[i], strings, &value);
    l->out->module = (const w2n_module *)(uintptr_t)value;
  }
  return problem;
}

const char *load_object(const uint8_t *bytes, uint64_t size, const uint64_t *run_offsets, uint32_t runs,
                        symbol_lookup lookup, loaded_object *out) {
  static loader l;
  uint32_t magic = 0;
  *out = (loaded_object){NULL, 0, NULL};
  l.bytes = bytes;
  l.size = size;
  l.lookup = lookup;
  l.out = out;
  l.count = 0;
  l.guarded = false;
  if (size >= 4) memcpy(&magic, bytes, 4);
  const char *problem = magic == MH_MAGIC_64 ? load_macho(&l, run_offsets, runs) : NULL;
  if (magic != MH_MAGIC_64) {
    bool is_elf = size >= SELFMAG && memcmp(bytes, ELFMAG, SELFMAG) == 0;
    problem = is_elf ? load_elf(&l, run_offsets, runs) : fail("neither ELF nor Mach-O", NULL);
  }
  if (!problem && !out->module) problem = fail("no symbol w2n_module_...", NULL);
  if (!problem) problem = protect_text(&l);
  if (problem) unload_object(out);
  return problem;
}

void unload_object(loaded_object *object) {
  if (object->mapping) munmap(object->mapping, object->mapping_bytes);
  *object = (loaded_object){NULL, 0, NULL};
}
