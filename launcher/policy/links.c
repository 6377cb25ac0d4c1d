/* Chains of rules: see links.h. A chain holds at most one rule for each program and one for all, its last: no
 * search walks further than there are programs. */
#include "policy/links.h"

void links_add(struct verdict_link **chain, struct store *store, struct verdict_source source)
{
	struct verdict_link *link = store_alloc(store, sizeof *link);
	if (!link)
		return;
	for (struct verdict_link **at = chain; *at;) {
		if ((*at)->source.program == source.program)
			*at = (*at)->next;
		else
			at = &(*at)->next;
	}
	*link = (struct verdict_link){ .source = source, .next = source.program ? *chain : NULL };
	*chain = link;
}

void links_search(const struct verdict_link *chain, struct search *search)
{
	for (; chain && chain->source.rule + 1 > search->found; chain = chain->next) {
		search->steps++;
		if (source_holds(chain->source, search->domain)) {
			search->found = chain->source.rule + 1;
			return;
		}
	}
}
