/* The small pieces every decoded text is made of: numbers, addresses, quoted bytes.
 * Pure functions of their arguments; thread-safe. */
#ifndef PTWRAP_DECODE_TEXT_H
#define PTWRAP_DECODE_TEXT_H

#include "strbuf.h"

#include <stdbool.h>
#include <stdint.h>

enum { TEXT_LIMIT = 32 /* bytes of a string that are shown; paths are shown whole */ };

/* 0x7f..., or NULL for 0. */
void text_address(struct strbuf *out, uint64_t address);

/* 0x10; plain 0 for 0. */
void text_hex(struct strbuf *out, uint64_t value);

/* 0644, always three digits at least. */
void text_octal(struct strbuf *out, uint64_t value);

/* "..." in quotes, all of it, escaped as in C with octal codes; cut: with "..." after it. */
void text_quoted(struct strbuf *out, struct bytes bytes, bool cut);

/* The same, but at most TEXT_LIMIT bytes. */
void text_string(struct strbuf *out, struct bytes bytes, bool cut);

/* The same with every byte as \x.., for what is random by nature. */
void text_hex_string(struct strbuf *out, struct bytes bytes, bool cut);

/* Escaped, without quotes, and < and > escaped too: for what stands between these. */
void text_bracketed(struct strbuf *out, struct bytes bytes);

/* SIGINT; a plain number for what is no signal. */
void text_signal(struct strbuf *out, int signal);

/* A signal set of 64 bits: [INT TERM], or ~[...] when most are in it. */
void text_signal_set(struct strbuf *out, uint64_t mask);

/* S_IFREG|0644 */
void text_mode(struct strbuf *out, uint32_t mode);

/* makedev(0x8, 0x1) */
void text_device(struct strbuf *out, uint64_t device);

/* A user or group id: -1 for "leave it". */
void text_id(struct strbuf *out, uint32_t id);

/* 2026-11-23T20:58:10+0000: times are shown in UTC, whatever the zone. With digits 6 or 9 a fraction
 * of that many is put behind the seconds, if there is one. */
void text_date(struct strbuf *out, int64_t seconds, int64_t fraction, int digits);

/* The same as a comment behind a number, where it is one that a clock shows. */
void text_stamp_comment(struct strbuf *out, int64_t seconds, int64_t fraction, int digits);

/* {tv_sec=1, tv_nsec=5}, with "usec" {tv_sec=1, tv_usec=5} */
void text_time(struct strbuf *out, int64_t seconds, int64_t fraction, const char *unit);

#endif
