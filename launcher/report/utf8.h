/* Walking bytes that may be UTF-8. */
#ifndef PTWRAP_REPORT_UTF8_H
#define PTWRAP_REPORT_UTF8_H

#include "bytes.h"

#include <stdint.h>

/* The length of the character at `at` (at < text.len), its code point to *code (may be NULL). Where
 * there is none *valid is false, and the length is that of the longest beginning of one: what one
 * U+FFFD stands for (Unicode, section 3.9). */
size_t utf8_step(struct bytes text, size_t at, bool *valid, uint32_t *code);

#endif
