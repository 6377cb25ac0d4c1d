/* Which thread is this? The kernel's id, remembered by the thread pointer (fs base), which each thread
 * has for itself.
 *
 * Who has a thread pointer can change: fork gives the child the parent's, a new thread gets a dead
 * one's, and what vfork or posix_spawn make runs on the parent's memory with the parent's pointer while
 * the parent waits. So whoever comes out of a birth call, parent or child, forgets what is remembered
 * for its pointer (the trampolines of birth calls, launcher/arch/). Births that do not come that way the
 * supervisor sees, and says so in no_cache. */
#ifndef PTWRAP_SHIM_IDENTITY_H
#define PTWRAP_SHIM_IDENTITY_H

#include <stdint.h>

uint32_t identity_of_thread(void);

#endif
