/* See elflookup.h. What the file says of itself is a claim: reads by it may fail, and no chain is followed
 * without end, for a tracer waits. */
#include "elflookup.h"

#include "elfview.h"

#include <string.h>
#include <unistd.h>

enum { DYNAMIC_MAX = 256, CHAIN_MAX = 4096, NAME_MAX_BYTES = 64 };

struct lookup {
	int fd;
	const char *symbol;
	size_t symbol_bytes; /* its end with it */
	Elf64_Phdr segment[ELFVIEW_SEGMENTS_MAX];
	size_t segments;
	uint64_t symbols, names, hash, gnu_hash; /* addresses as linked, 0: it has none */
};

static bool read_file(int fd, uint64_t offset, void *out, size_t len)
{
	return offset <= INT64_MAX && pread(fd, out, len, (off_t)offset) == (ssize_t)len;
}

/* What is loaded to this address. */
static bool read_address(const struct lookup *lookup, uint64_t address, void *out, size_t len)
{
	for (size_t i = 0; i < lookup->segments; i++) {
		const Elf64_Phdr *segment = &lookup->segment[i];
		uint64_t at = address - segment->p_vaddr;
		if (segment->p_type == PT_LOAD && address >= segment->p_vaddr && at <= segment->p_filesz &&
		    len <= segment->p_filesz - at)
			return read_file(lookup->fd, segment->p_offset + at, out, len);
	}
	return false;
}

static bool read_segments(struct lookup *lookup)
{
	Elf64_Ehdr header;
	if (!read_file(lookup->fd, 0, &header, sizeof(header)) || !elfview_is_shared_object(&header))
		return false;
	lookup->segments = header.e_phnum;
	return read_file(lookup->fd, header.e_phoff, lookup->segment, header.e_phnum * sizeof(Elf64_Phdr));
}

static void take_entry(struct lookup *lookup, const Elf64_Dyn *entry)
{
	switch (entry->d_tag) {
	case DT_SYMTAB:
		lookup->symbols = entry->d_un.d_ptr;
		break;
	case DT_STRTAB:
		lookup->names = entry->d_un.d_ptr;
		break;
	case DT_HASH:
		lookup->hash = entry->d_un.d_ptr;
		break;
	case DT_GNU_HASH:
		lookup->gnu_hash = entry->d_un.d_ptr;
		break;
	}
}

static bool read_dynamic(struct lookup *lookup)
{
	Elf64_Dyn entry[DYNAMIC_MAX];
	size_t i = 0, count;
	while (i < lookup->segments && lookup->segment[i].p_type != PT_DYNAMIC)
		i++;
	if (i == lookup->segments)
		return false;
	count = lookup->segment[i].p_filesz / sizeof(entry[0]);
	if (count > DYNAMIC_MAX)
		count = DYNAMIC_MAX;
	if (!read_file(lookup->fd, lookup->segment[i].p_offset, entry, count * sizeof(entry[0])))
		return false;
	for (i = 0; i < count && entry[i].d_tag != DT_NULL; i++)
		take_entry(lookup, &entry[i]);
	return lookup->symbols && lookup->names;
}

static bool is_it(const struct lookup *lookup, uint32_t index)
{
	Elf64_Sym symbol;
	char name[NAME_MAX_BYTES];
	return read_address(lookup, lookup->symbols + sizeof(symbol) * index, &symbol, sizeof(symbol)) &&
	       symbol.st_shndx != SHN_UNDEF &&
	       read_address(lookup, lookup->names + symbol.st_name, name, lookup->symbol_bytes) &&
	       memcmp(name, lookup->symbol, lookup->symbol_bytes) == 0;
}

static uint32_t hash_of(const char *symbol)
{
	uint32_t hash = 0;
	for (; *symbol; symbol++) {
		hash = (hash << 4) + (unsigned char)*symbol;
		hash = (hash ^ (hash >> 28 << 4)) & 0x0fffffff;
	}
	return hash;
}

/* The table: numbers of buckets and of symbols; the buckets, each a symbol; after each symbol the next. */
static bool is_in_hash(const struct lookup *lookup)
{
	uint32_t counts[2], index;
	if (!read_address(lookup, lookup->hash, counts, sizeof(counts)) || counts[0] == 0)
		return false;
	uint64_t buckets = lookup->hash + sizeof(counts), chains = buckets + sizeof(index) * counts[0];
	uint64_t next = buckets + sizeof(index) * (hash_of(lookup->symbol) % counts[0]);
	for (int i = 0; i < CHAIN_MAX && read_address(lookup, next, &index, sizeof(index)) && index != 0; i++) {
		if (is_it(lookup, index))
			return true;
		next = chains + sizeof(index) * index;
	}
	return false;
}

static uint32_t gnu_hash_of(const char *symbol)
{
	uint32_t hash = 5381;
	for (; *symbol; symbol++)
		hash = hash * 33 + (unsigned char)*symbol;
	return hash;
}

/* The filter's two bits are set for each symbol that there is, and for few others. */
static bool passes_filter(uint64_t word, uint32_t hash, uint32_t shift)
{
	return word >> hash % 64 & word >> (hash >> shift % 32) % 64 & 1;
}

/* The table: numbers of buckets, of the first symbol and of the filter's words, and a shift; the filter; the
 * buckets, each the first symbol of its chain; of each symbol its hash, whose lowest bit ends the chain. */
static bool is_in_gnu_hash(const struct lookup *lookup)
{
	uint32_t header[4], index, found, hash = gnu_hash_of(lookup->symbol);
	uint64_t word, filter = lookup->gnu_hash + sizeof(header);
	if (!read_address(lookup, lookup->gnu_hash, header, sizeof(header)) || header[0] == 0 || header[2] == 0 ||
	    !read_address(lookup, filter + sizeof(word) * (hash / 64 % header[2]), &word, sizeof(word)) ||
	    !passes_filter(word, hash, header[3]))
		return false;
	uint64_t buckets = filter + sizeof(word) * header[2], hashes = buckets + sizeof(index) * header[0];
	if (!read_address(lookup, buckets + sizeof(index) * (hash % header[0]), &index, sizeof(index)) ||
	    index < header[1])
		return false;
	for (uint32_t end = index + CHAIN_MAX; index != end; index++) {
		uint64_t place = hashes + sizeof(found) * (index - header[1]);
		if (!read_address(lookup, place, &found, sizeof(found)))
			return false;
		if ((found | 1) == (hash | 1) && is_it(lookup, index))
			return true;
		if (found & 1)
			return false;
	}
	return false;
}

bool elflookup_defines(int fd, const char *symbol)
{
	struct lookup lookup = { .fd = fd, .symbol = symbol, .symbol_bytes = strlen(symbol) + 1 };
	if (lookup.symbol_bytes > NAME_MAX_BYTES || !read_segments(&lookup) || !read_dynamic(&lookup))
		return false;
	return lookup.gnu_hash ? is_in_gnu_hash(&lookup) : lookup.hash && is_in_hash(&lookup);
}
