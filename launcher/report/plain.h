/* Bytes of a tracee on a terminal: nothing here lets a file's name drive it. */
#ifndef PTWRAP_REPORT_PLAIN_H
#define PTWRAP_REPORT_PLAIN_H

#include "strbuf.h"

#include <stdint.h>

enum { PLAIN_NUMBER = 24 };

/* Appends text with every control character, bidirectional override, invalid byte and backslash
 * as an escape (\n, \t, \xNN, \u{NNNN}). */
void plain_add_text(struct strbuf *out, struct bytes text);

/* Appends a word as a shell would read it: bare, in '...', or in $'...' with escapes. */
void plain_add_word(struct strbuf *out, struct bytes word);

/* Appends the words of a string vector. Behind about max_bytes (0: no bound) the rest is "...". */
void plain_add_command(struct strbuf *out, struct bytes argv, size_t max_bytes);

/* "1.234 s", "12.3 ms", "45 us". */
void plain_duration(uint64_t ns, char out[PLAIN_NUMBER]);

/* "17 B", "1.2 MiB". */
void plain_size(uint64_t bytes, char out[PLAIN_NUMBER]);

#endif
