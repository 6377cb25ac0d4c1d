/* The calls that take a path, as data: pathcalls.def. Constant; thread-safe. */
#ifndef PTWRAP_PATHCALL_H
#define PTWRAP_PATHCALL_H

#include "event.h"

#include <stdbool.h>
#include <stdint.h>

/* What a call does to what its path names, as far as rules go. */
enum path_access {
	PATH_READ,
	PATH_WRITE,
	PATH_OPEN,    /* by its flags: path_access_of_open */
	PATH_REMOVE,  /* a write; of a directory it is an empty one's */
	PATH_MOVE,    /* read and write; of a directory also what rules say of what is beneath */
	PATH_MOVE_TO, /* a write; the other name too where the call exchanges them */
};

/* Which of what is found is meant, and how the call can be led to it (reroute.h). */
enum path_manner {
	PATH_FOLLOWED,   /* what the last link leads to */
	PATH_LAST,       /* a link itself */
	PATH_FLAGGED,    /* by AT_SYMLINK_NOFOLLOW; AT_EMPTY_PATH: the descriptor */
	PATH_TIMES,      /* the same, and a NULL path is the descriptor */
	PATH_LINKED,     /* by AT_SYMLINK_FOLLOW; AT_EMPTY_PATH */
	PATH_NAME,       /* a name in a directory, whatever is there */
	PATH_OPENED,     /* by open's flags */
	PATH_OPENED_BY_STRUCT, /* the same, by a struct open_how */
	PATH_CREATED,    /* creat */
	PATH_DESCRIPTOR, /* an open descriptor, not a path */
};

enum { PATHCALL_CWD = 7, PATHCALL_NO_FLAGS = 7, PATHCALL_MAX = 2 };

struct pathcall {
	const char *call;
	uint8_t access, manner;
	uint8_t path, dirfd, flags; /* arguments */
	const char *instead;        /* "SAME": the call itself */
};

/* The lines of a call: how many, the first in *first; 0: it takes no path that is judged. */
unsigned pathcall_find(const char *call, const struct pathcall **first);

/* The call that is made for it. */
const char *pathcall_made(const struct pathcall *row);

/* All of them. */
const struct pathcall *pathcall_table(unsigned *count);

#endif
