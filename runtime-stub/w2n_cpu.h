/* w2n_cpu.h: cpu.c as main.c uses it. */
#ifndef W2N_CPU_H
#define W2N_CPU_H
#include "w2n_stub.h"
/* NULL, or what is missing to run the module's code here. */
W2N_HIDDEN const char *w2n_cpu_lacks(const w2n_header *h);
#endif
