/* loader.h: maps a relocatable object of the compiler's, without a linker. */
#ifndef LOADER_H
#define LOADER_H
#include <stdint.h>
#include "w2n_abi.h"

typedef struct loaded_object {
  void *mapping; /* all sections */
  uint64_t mapping_bytes;
  const w2n_module *module; /* its record */
} loaded_object;

/* Address of a C function that objects may import, NULL if the host has none of this name. */
typedef void *(*symbol_lookup)(const char *name);

/* Loads an ELF64 or Mach-O relocatable object. run_offsets: where run k of the text lies from the header (run 0: 0).
 * Returns NULL, or what is wrong; the text is valid until the next call. `bytes` is not needed afterwards. */
const char *load_object(const uint8_t *bytes, uint64_t size, const uint64_t *run_offsets, uint32_t runs,
                        symbol_lookup lookup, loaded_object *out);
void unload_object(loaded_object *object);
#endif
