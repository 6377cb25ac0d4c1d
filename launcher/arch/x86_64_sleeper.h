/* The one page that a holder (holder.h) lives in. x86_64. */
#ifndef PTWRAP_X86_64_SLEEPER_H
#define PTWRAP_X86_64_SLEEPER_H

#include <stdint.h>

/* Unmaps all memory but this page and what lies from `kernel` to `kernel_end`, above it, becomes dumpable and
 * attachable, writes a byte to ready_fd, and sleeps for ever. Leaves (by exit) should a step fail. No signal may have
 * a handler. */
_Noreturn void x86_64_sleep(int ready_fd, uint64_t kernel, uint64_t kernel_end);

#endif
