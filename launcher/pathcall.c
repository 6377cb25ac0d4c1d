/* See pathcall.h. */
#include "pathcall.h"

#include <stddef.h>
#include <string.h>

#define CWD PATHCALL_CWD
#define NO PATHCALL_NO_FLAGS

static const struct pathcall table[] = {
#define PATHCALL(name, accessed, path_arg, dirfd_arg, flags_arg, by, other)                                        \
	{ .call = #name, .access = PATH_##accessed, .manner = PATH_##by, .path = path_arg, .dirfd = dirfd_arg, \
	  .flags = flags_arg,   .instead = #other },
#include "pathcalls.def"
#undef PATHCALL
};

enum { COUNT = sizeof table / sizeof *table };

const char *pathcall_made(const struct pathcall *row)
{
	return strcmp(row->instead, "SAME") == 0 ? row->call : row->instead;
}

unsigned pathcall_find(const char *call, const struct pathcall **first)
{
	unsigned at = 0, count = 0;
	while (at < COUNT && strcmp(table[at].call, call) != 0)
		at++;
	*first = &table[at];
	while (at + count < COUNT && strcmp(table[at + count].call, call) == 0)
		count++;
	return count;
}

const struct pathcall *pathcall_table(unsigned *count)
{
	*count = COUNT;
	return table;
}
