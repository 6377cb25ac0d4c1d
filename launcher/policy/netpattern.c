/* Network patterns: see netpattern.h. Asks no name service, opens nothing.
 *
 *   "*" [ ":" PORT ]  |  ADDRESS [ "/" BITS ] [ ":" PORT ]  |  "netlink"  |  "unix:" ( PATH | "@" NAME )
 *
 * with a v6 ADDRESS in brackets: without them ::1:80 would be an address and look like one with a port. */
#include "policy/netpattern.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdlib.h>
#include <sys/socket.h>

enum { V4_BITS = 32, V6_BITS = 128, MAPPED_BITS = 96, PORT_MAX = 65535, TEXT_BYTES = 300 };

static const uint8_t mapped_prefix[12] = { [10] = 0xff, [11] = 0xff };

/* A pattern being read, as text. */
struct reading {
	char text[TEXT_BYTES];
	const struct word *word;
	struct fault *fault;
	struct net_pattern *pattern;
};

static int refuse(const struct reading *reading, const char *why)
{
	return fault_set(reading->fault, reading->word->column, "'%s' %s", reading->text, why);
}

/* Of a v4-mapped v6 address the v4 one; *bits are those of a mask. */
static int unmap(int family, uint8_t address[NET_ADDRESS_BYTES], unsigned *bits)
{
	if (family != AF_INET6 || *bits < MAPPED_BITS || memcmp(address, mapped_prefix, sizeof mapped_prefix) != 0)
		return family;
	memmove(address, address + sizeof mapped_prefix, 4);
	memset(address + 4, 0, NET_ADDRESS_BYTES - 4);
	*bits -= MAPPED_BITS;
	return AF_INET;
}

/* Zeros behind the first bits. True: there was something else. */
static bool mask_address(uint8_t address[NET_ADDRESS_BYTES], unsigned bits)
{
	bool changed = false;
	for (unsigned i = 0; i < NET_ADDRESS_BYTES; i++) {
		unsigned kept = bits > 8 * i ? bits - 8 * i : 0;
		uint8_t mask = kept >= 8 ? 0xff : (uint8_t)(0xff00 >> kept);
		changed |= (address[i] & mask) != address[i];
		address[i] &= mask;
	}
	return changed;
}

/* A decimal number up to `most`, and *text behind it. -1: none. */
static long read_number(const char **text, unsigned most)
{
	char *end;
	if (!isdigit((unsigned char)**text))
		return -1;
	unsigned long number = strtoul(*text, &end, 10);
	*text = end;
	return number <= most ? (long)number : -1;
}

static int read_port(struct reading *reading, const char *text)
{
	if (!*text)
		return 0;
	long port = -1;
	if (*text++ == ':')
		port = read_number(&text, PORT_MAX);
	if (port < 0 || *text)
		return refuse(reading, "has no port from 0 to 65535 behind its ':'");
	reading->pattern->port = (uint32_t)port;
	return 0;
}

static int refuse_address(const struct reading *reading)
{
	for (const char *at = reading->text; *at; at++)
		if (isalpha((unsigned char)*at) && (!isxdigit((unsigned char)*at) || !strchr(reading->text, ':')))
			return refuse(reading, "is a host name, and a rule takes addresses only: what a name stands for may "
					       "have changed by the time a call is judged");
	return refuse(reading, "is no address: write as in 10.0.0.0/8, 127.0.0.1:80, [2001:db8::]/32, [::1]:80, *:443, "
			       "unix:/run/*.sock, unix:@name, netlink or *");
}

/* Where the address ends; *inner is the address alone. */
static const char *split_address(const char *text, char inner[INET6_ADDRSTRLEN])
{
	const char *colon = strchr(text, ':'), *end;
	bool brackets = *text == '[';
	if (brackets)
		end = strchr(++text, ']');
	else if (colon && strchr(colon + 1, ':'))
		end = text + strcspn(text, "/");
	else
		end = text + strcspn(text, "/:");
	if (!end || end - text >= INET6_ADDRSTRLEN)
		return NULL;
	memcpy(inner, text, (size_t)(end - text));
	inner[end - text] = '\0';
	return end + brackets;
}

static int read_mask(struct reading *reading, const char **rest, unsigned most)
{
	struct net_pattern *pattern = reading->pattern;
	pattern->prefix = most;
	if (**rest == '/') {
		++*rest;
		long bits = read_number(rest, most);
		if (bits < 0)
			return refuse(reading, most == V4_BITS ? "has no number of bits from 0 to 32 behind its '/'" :
								 "has no number of bits from 0 to 128 behind its '/'");
		pattern->prefix = (unsigned)bits;
	}
	pattern->family = unmap(pattern->family, pattern->address, &pattern->prefix);
	if (!mask_address(pattern->address, pattern->prefix))
		return 0;
	char network[INET6_ADDRSTRLEN] = "";
	inet_ntop(pattern->family, pattern->address, network, sizeof network);
	return fault_set(reading->fault, reading->word->column,
			 "'%s' can never match as it stands: the address has bits behind the mask; the network is %s/%u", reading->text,
			 network, pattern->prefix);
}

static int read_address(struct reading *reading)
{
	struct net_pattern *pattern = reading->pattern;
	char inner[INET6_ADDRSTRLEN];
	const char *rest = split_address(reading->text, inner);
	if (!rest)
		return refuse_address(reading);
	pattern->kind = NET_ADDRESS;
	pattern->family = strchr(inner, ':') ? AF_INET6 : AF_INET;
	if (inet_pton(pattern->family, inner, pattern->address) != 1)
		return refuse_address(reading);
	if ((*reading->text == '[') != (pattern->family == AF_INET6))
		return refuse(reading, pattern->family == AF_INET ? "has brackets, which are for v6 addresses" :
								    "lacks the brackets of a v6 address, as in [::1]");
	if (read_mask(reading, &rest, pattern->family == AF_INET ? V4_BITS : V6_BITS) < 0)
		return -1;
	return *rest && *rest != ':' ? refuse_address(reading) : read_port(reading, rest);
}

static int read_internet(struct reading *reading)
{
	struct net_pattern *pattern = reading->pattern;
	pattern->port = NET_ANY_PORT;
	if (strcmp(reading->text, "*") == 0)
		return 0;
	if (strcmp(reading->text, "netlink") == 0) {
		pattern->kind = NET_NETLINK;
		return 0;
	}
	if (strncmp(reading->text, "*:", 2) != 0)
		return read_address(reading);
	pattern->kind = NET_ADDRESS;
	pattern->family = NET_BOTH_FAMILIES;
	return read_port(reading, reading->text + 1);
}

/* A word that is no pattern of paths, as text; what does not fit is cut, and is no address then anyway. */
static void tokens_to_text(const struct tokens *tokens, char text[TEXT_BYTES])
{
	size_t len = 0;
	for (size_t i = 0; i < tokens->len && len < TEXT_BYTES - 3; i++) {
		uint16_t token = tokens->data[i];
		if (token == GLOB_ANY)
			text[len++] = '*';
		text[len++] = token >= GLOB_STAR ? '*' : (token ? (char)token : '?');
	}
	text[len] = '\0';
}

static int read_abstract(struct net_pattern *pattern, const struct tokens *tokens, size_t skip, struct store *store,
			 struct fault *fault)
{
	size_t len = tokens->len - skip;
	uint16_t *kept = store_alloc(store, (len + 1) * sizeof *kept);
	if (!kept)
		return fault_memory(fault);
	memcpy(kept, tokens->data + skip, len * sizeof *kept);
	pattern->kind = NET_UNIX_ABSTRACT;
	pattern->path.written = pattern->path.resolved = glob_of(kept, len);
	return 0;
}

int net_pattern_make(struct net_pattern *pattern, const struct word *word, const struct tokens *tokens, struct store *store,
		     struct fault *fault)
{
	static const char unix_prefix[] = "unix:";
	size_t skip = sizeof unix_prefix - 1;
	struct reading reading = { .word = word, .fault = fault, .pattern = pattern };
	*pattern = (struct net_pattern){ .kind = NET_EVERY };
	tokens_to_text(tokens, reading.text);
	if (strncmp(reading.text, unix_prefix, skip) != 0)
		return read_internet(&reading);
	if (reading.text[skip] == '@')
		return read_abstract(pattern, tokens, skip + 1, store, fault);
	pattern->kind = NET_UNIX_PATH;
	return path_pattern_make(&pattern->path, tokens, skip, word, store, fault);
}

static bool covers_address(const struct net_pattern *wide, const struct net_pattern *narrow)
{
	if (wide->port != NET_ANY_PORT && wide->port != narrow->port)
		return false;
	if (wide->family == NET_BOTH_FAMILIES)
		return true;
	uint8_t address[NET_ADDRESS_BYTES];
	memcpy(address, narrow->address, sizeof address);
	mask_address(address, wide->prefix);
	return wide->family == narrow->family && wide->prefix <= narrow->prefix &&
	       memcmp(address, wide->address, sizeof address) == 0;
}

bool net_pattern_covers(const struct net_pattern *wide, const struct net_pattern *narrow)
{
	if (wide->kind == NET_EVERY)
		return narrow->kind == NET_EVERY || narrow->kind == NET_ADDRESS;
	if (wide->kind != narrow->kind)
		return false;
	if (wide->kind == NET_ADDRESS)
		return covers_address(wide, narrow);
	return wide->kind == NET_NETLINK || path_pattern_covers(&wide->path, &narrow->path);
}

/* The index: an entry for each different pattern, found by its bytes. */

struct net_key {
	uint32_t kind, family, prefix, port;
	uint8_t address[NET_ADDRESS_BYTES];
};

struct net_entry {
	struct net_key key;
	struct verdict_link *chain;
};

static bool has_key(const void *context, uint32_t position, const void *key)
{
	const struct net_index *net = context;
	return memcmp(&net->entries[position].key, key, sizeof(struct net_key)) == 0;
}

static struct net_entry *find_entry(const struct net_index *net, const struct net_key *key)
{
	uint32_t at = index_find(&net->index, store_hash(key, sizeof *key), has_key, net, key);
	return at == INDEX_NONE ? NULL : &net->entries[at];
}

static struct net_entry *add_entry(struct net_index *net, struct store *store, const struct net_key *key)
{
	if (!store_grow(store, &net->entries, net->count, &net->capacity, sizeof *net->entries))
		return NULL;
	net->entries[net->count] = (struct net_entry){ .key = *key };
	if (!index_add(&net->index, store_hash(key, sizeof *key), net->count)) {
		store->failed = true;
		return NULL;
	}
	return &net->entries[net->count++];
}

static uint64_t *prefix_word(struct net_index *net, int family, unsigned prefix)
{
	return &net->prefixes[family == AF_INET6][prefix / 64];
}

void net_index_add(struct net_index *net, struct store *store, const struct net_pattern *pattern, struct verdict_source source)
{
	struct net_key key = { .kind = pattern->kind, .family = (uint32_t)pattern->family, .prefix = pattern->prefix,
			       .port = pattern->port };
	memcpy(key.address, pattern->address, sizeof key.address);
	struct net_entry *entry = find_entry(net, &key);
	if (!entry)
		entry = add_entry(net, store, &key);
	if (!entry)
		return;
	if (pattern->kind == NET_ADDRESS && pattern->family != NET_BOTH_FAMILIES)
		*prefix_word(net, pattern->family, pattern->prefix) |= 1ull << pattern->prefix % 64;
	links_add(&entry->chain, store, source);
}

static void search_key(const struct net_index *net, const struct net_key *key, struct search *search)
{
	struct net_entry *entry = find_entry(net, key);
	search->steps++;
	if (entry)
		links_search(entry->chain, search);
}

static void search_both_ports(const struct net_index *net, struct net_key key, uint32_t port, struct search *search)
{
	key.port = NET_ANY_PORT;
	search_key(net, &key, search);
	key.port = port;
	search_key(net, &key, search);
}

static void search_address(const struct net_index *net, const struct policy_endpoint *endpoint, struct search *search)
{
	struct net_key key = { .kind = NET_ADDRESS, .family = NET_BOTH_FAMILIES };
	unsigned bits = endpoint->family == AF_INET ? V4_BITS : V6_BITS;
	search_both_ports(net, key, endpoint->port, search);
	if (endpoint->address.len != bits / 8)
		return;
	memcpy(key.address, endpoint->address.data, endpoint->address.len);
	int family = unmap(endpoint->family, key.address, &bits);
	key.family = (uint32_t)family;
	for (int prefix = (int)bits; prefix >= 0; prefix--) {
		if (!(net->prefixes[family == AF_INET6][prefix / 64] >> prefix % 64 & 1))
			continue;
		mask_address(key.address, (unsigned)prefix);
		key.prefix = (uint32_t)prefix;
		search_both_ports(net, key, endpoint->port, search);
	}
}

void net_index_search(const struct net_index *net, const struct policy_endpoint *endpoint, struct search *search)
{
	bool is_netlink = endpoint->family == AF_NETLINK;
	const struct net_key every = { .kind = is_netlink ? NET_NETLINK : NET_EVERY, .port = NET_ANY_PORT };
	search_key(net, &every, search);
	if (endpoint->family == AF_INET || endpoint->family == AF_INET6)
		search_address(net, endpoint, search);
}

void net_index_free(struct net_index *net)
{
	index_free(&net->index);
}
