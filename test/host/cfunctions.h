/* cfunctions.h: the C functions that objects loaded by the test host may import. */
#ifndef CFUNCTIONS_H
#define CFUNCTIONS_H
#include "wasm2native.h"
void *c_function(const char *name);
#endif
