/* Which rule decides: chains of rules with an equal pattern, the youngest first, and a search over several chains. */
#ifndef PTWRAP_POLICY_LINKS_H
#define PTWRAP_POLICY_LINKS_H

#include "model/store.h"

/* A rule, and for which processes it holds. */
struct verdict_source {
	uint32_t rule;
	uint32_t program; /* bit of a domain; 0: every process */
};

struct verdict_link {
	struct verdict_source source;
	struct verdict_link *next; /* older */
};

/* One question. */
struct search {
	uint32_t domain;
	uint32_t found; /* the youngest rule so far, plus 1; 0: none */
	uint32_t steps; /* links, table look-ups and patterns tried */
};

static inline bool source_holds(struct verdict_source source, uint32_t domain)
{
	return source.program == 0 || (source.program & domain);
}

/* Rules are added in order of age, the oldest first; what can no longer decide leaves the chain. */
void links_add(struct verdict_link **chain, struct store *store, struct verdict_source source);

void links_search(const struct verdict_link *chain, struct search *search);

#endif
