/* load.h: what load.c and system.c share. */
#ifndef LOAD_H
#define LOAD_H
#define _GNU_SOURCE
#include <stdint.h>

__attribute__((noreturn)) void die(const char *what, const char *which);
/* The thread-local variables of the only thread; load.c makes them. */
extern uint8_t *thread_variables;
/* Address of a function or variable of libSystem; what system.c lacks ends the program with its name when it is called. */
void *system_symbol(const char *name);
/* Before the program runs. */
void system_start(void);
extern char **environment;

#endif
