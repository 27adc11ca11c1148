/* w2n_link.h: link.c as instantiate.c uses it. */
#ifndef W2N_LINK_H
#define W2N_LINK_H
#include "w2n_stub.h"
/* Fills in the import fields of an instance whose type ids are set. Returns a W2N_ link error. */
W2N_HIDDEN int w2n_link(w2n_instance *inst, const w2n_imports *imports);
#endif
