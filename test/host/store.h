/* store.h: the modules and instances of the test host, their registered names, and the module `spectest`. */
#ifndef STORE_H
#define STORE_H
#include "loader.h"

/* Numbers count from 0; W2N_NONE: no memory. */
uint32_t store_add_module(loaded_object object);
const w2n_module *store_module(uint32_t number);
/* Instantiates with the registered instances and spectest as imports; *number is the instance or W2N_NONE. */
int store_instantiate(uint32_t module, uint32_t *number);
w2n_instance *store_instance(uint32_t number);
bool store_register(uint32_t instance, const char *name, size_t bytes);
/* Frees everything. */
void store_reset(void);
#endif
