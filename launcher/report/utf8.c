/* UTF-8 as RFC 3629 has it: no surrogates, nothing longer than needed, nothing above U+10FFFF. */
#include "report/utf8.h"

/* What a first byte promises, and between what its second byte must lie. */
static const struct {
	unsigned char from, to, len, second_from, second_to;
} leads[] = {
	{ 0x00, 0x7f, 1, 0, 0 },       { 0xc2, 0xdf, 2, 0x80, 0xbf }, { 0xe0, 0xe0, 3, 0xa0, 0xbf },
	{ 0xe1, 0xec, 3, 0x80, 0xbf }, { 0xed, 0xed, 3, 0x80, 0x9f }, { 0xee, 0xef, 3, 0x80, 0xbf },
	{ 0xf0, 0xf0, 4, 0x90, 0xbf }, { 0xf1, 0xf3, 4, 0x80, 0xbf }, { 0xf4, 0xf4, 4, 0x80, 0x8f },
};

size_t utf8_step(struct bytes text, size_t at, bool *valid, uint32_t *code)
{
	unsigned char first = (unsigned char)text.data[at];
	size_t lead = 0, len = 1;
	while (lead < sizeof leads / sizeof *leads &&
	       (first < leads[lead].from || first > leads[lead].to))
		lead++;
	*valid = lead < sizeof leads / sizeof *leads;
	if (!*valid)
		return 1;
	uint32_t value = leads[lead].len == 1 ? first : first & (0xffu >> (leads[lead].len + 1));
	for (; len < leads[lead].len && *valid; len++) {
		unsigned char next = at + len < text.len ? (unsigned char)text.data[at + len] : 0;
		*valid = len == 1 ? next >= leads[lead].second_from && next <= leads[lead].second_to :
				    next >= 0x80 && next <= 0xbf;
		value = value << 6 | (next & 0x3f);
		if (!*valid)
			return len;
	}
	if (code)
		*code = value;
	return len;
}
