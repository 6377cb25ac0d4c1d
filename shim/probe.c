/* Is a page there to be read? See probe.h. By futex(2): FUTEX_WAIT reads the word before it does anything, and
 * with a time limit of nothing it comes back at once whatever the word is. */
#include "probe.h"

#include "fast.h"
#include "memory.h"

#include <errno.h>
#include <linux/futex.h>
#include <sys/syscall.h>

enum { PAGE = 4096 };

bool probe_is_readable(const void *address)
{
	static const int64_t at_once[2];
	long word = (long)((uintptr_t)address & ~(uintptr_t)3);
	return exempt_call(SYS_futex, word, FUTEX_WAIT | FUTEX_PRIVATE_FLAG, 0, (long)at_once, 0, 0) != -EFAULT;
}

bool probe_string(const char *string, size_t max, size_t *len)
{
	*len = 0;
	while (*len < max) {
		if (!probe_is_readable(string + *len))
			return false;
		size_t page = PAGE - (uintptr_t)(string + *len) % PAGE, room = page < max - *len ? page : max - *len;
		size_t found = memory_string_len(string + *len, room);
		*len += found;
		if (found < room)
			break;
	}
	return true;
}
