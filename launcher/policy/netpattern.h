/* Patterns of `net` rules, and an index of them. Addresses are compared as v4 where they are v4-mapped. */
#ifndef PTWRAP_POLICY_NETPATTERN_H
#define PTWRAP_POLICY_NETPATTERN_H

#include "model/store.h"
#include "policy/links.h"
#include "policy/pathpattern.h"
#include "policy/policy.h"

enum net_kind {
	NET_EVERY,     /* every family but unix and netlink */
	NET_ADDRESS,   /* of inet and inet6 */
	NET_NETLINK,
	NET_UNIX_PATH,
	NET_UNIX_ABSTRACT,
};

enum { NET_ANY_PORT = 0x10000, NET_BOTH_FAMILIES = 0, NET_ADDRESS_BYTES = 16 };

struct net_pattern {
	enum net_kind kind;
	/* NET_ADDRESS: */
	int family;      /* AF_INET, AF_INET6, NET_BOTH_FAMILIES */
	unsigned prefix; /* bits that count */
	uint32_t port;   /* NET_ANY_PORT */
	uint8_t address[NET_ADDRESS_BYTES]; /* v4: the first four; zeros behind the prefix */
	/* NET_UNIX_*: */
	struct path_pattern path; /* abstract: written only */
};

int net_pattern_make(struct net_pattern *pattern, const struct word *word, const struct tokens *tokens, struct store *store,
		     struct fault *fault);

bool net_pattern_covers(const struct net_pattern *wide, const struct net_pattern *narrow);

/* All but unix patterns, by what they hold. */
struct net_index {
	struct net_entry *entries;
	uint32_t count, capacity;
	struct index index;
	uint64_t prefixes[2][3]; /* bit per length in use: v4, v6 */
};

/* Failures are remembered in the store. */
void net_index_add(struct net_index *net, struct store *store, const struct net_pattern *pattern, struct verdict_source source);
void net_index_search(const struct net_index *net, const struct policy_endpoint *endpoint, struct search *search);
void net_index_free(struct net_index *net);

#endif
