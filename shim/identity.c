/* Thread ids: see identity.h. Must never take another thread's entry for its own: an entry is one word
 * that holds both the id and what it belongs to. */
#include "identity.h"

#include "fast.h"

#include <sys/syscall.h>

static uint64_t thread_pointer(void)
{
	uint64_t pointer = 0;
	__asm__ volatile("rdfsbase %0" : "=r"(pointer));
	return pointer;
}

static uint32_t ask(void)
{
	return (uint32_t)exempt_call(SYS_gettid, 0, 0, 0, 0, 0, 0);
}

uint32_t identity_of_thread(void)
{
	struct fastpath_private *own = fast_private();
	if (own->no_cache || !fast_tables.has_fsgsbase)
		return ask();
	uint64_t pointer = thread_pointer();
	uint64_t *entry = &own->identities[fastpath_identity_slot(pointer)];
	uint32_t owner = (uint32_t)(pointer >> 4 ^ pointer >> 36);
	uint64_t known = __atomic_load_n(entry, __ATOMIC_RELAXED);
	if ((uint32_t)(known >> 32) == owner && (uint32_t)known)
		return (uint32_t)known;
	uint32_t thread = ask();
	__atomic_store_n(entry, (uint64_t)owner << 32 | thread, __ATOMIC_RELAXED);
	return thread;
}
