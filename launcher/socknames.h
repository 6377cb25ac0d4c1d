/* What unix sockets are called that were bound through a holder (reroute.h).
 *
 * The kernel keeps the name that bind(2) was made with, and tells it to whoever asks: of such a socket "/proc/H/fd/N/name",
 * which leads nowhere once the call is over. Here stands what the program called it. The two are exchanged where the
 * kernel tells a name (judged_net.c: getsockname and its like), and where a program hands on what it was told otherwise
 * (connect, send).
 *
 * The last thousand names are known. Names are without their NUL. Thread-safe. */
#ifndef PTWRAP_SOCKNAMES_H
#define PTWRAP_SOCKNAMES_H

#include "bytes.h"

#include <stddef.h>

enum { SOCKNAMES_BYTES = 108 }; /* sun_path */

/* `made` is "DIRECTORY/NAME", `directory` bytes the first of these. Spells it so, if there is room, that it is no other
 * socket's, and remembers that `own` is meant by it. */
void socknames_add(char made[SOCKNAMES_BYTES], size_t directory, struct bytes own);

/* What the program called it: copied to own, its length; 0: it is no such name. */
size_t socknames_find(struct bytes made, char own[SOCKNAMES_BYTES]);

#endif
