/* From rules to what answers questions: the indexes of struct policy (rules.h). A link or pattern stands in each index
 * once for each name of it, as written and with its links resolved. */
#include "policy/rules.h"

struct digest_entry {
	uint8_t digest[POLICY_DIGEST_BYTES];
	struct verdict_link *chain;
};

static bool has_digest(const void *context, uint32_t position, const void *key)
{
	const struct policy *policy = context;
	return memcmp(policy->digests.entries[position].digest, key, POLICY_DIGEST_BYTES) == 0;
}

static uint32_t find_digest(const struct policy *policy, const uint8_t *digest)
{
	return index_find(&policy->digests.index, store_hash(digest, POLICY_DIGEST_BYTES), has_digest, policy, digest);
}

const struct verdict_link *digest_find(const struct policy *policy, const uint8_t digest[POLICY_DIGEST_BYTES])
{
	uint32_t at = find_digest(policy, digest);
	return at == INDEX_NONE ? NULL : policy->digests.entries[at].chain;
}

static void add_digest(struct policy *policy, const uint8_t *digest, struct verdict_source source)
{
	struct digest_index *digests = &policy->digests;
	uint32_t at = find_digest(policy, digest);
	if (at == INDEX_NONE) {
		if (!store_grow(&policy->store, &digests->entries, digests->count, &digests->capacity, sizeof *digests->entries))
			return;
		at = digests->count++;
		memcpy(digests->entries[at].digest, digest, POLICY_DIGEST_BYTES);
		policy->store.failed |= !index_add(&digests->index, store_hash(digest, POLICY_DIGEST_BYTES), at);
	}
	links_add(&digests->entries[at].chain, &policy->store, source);
	digests->youngest = source.rule + 1;
}

static void add_path(struct policy *policy, struct path_index *paths, const struct path_pattern *path, struct verdict_source source)
{
	path_index_add(paths, &policy->store, &path->written, source);
	if (!glob_equal(&path->written, &path->resolved))
		path_index_add(paths, &policy->store, &path->resolved, source);
}

static void add_net(struct policy *policy, const struct net_pattern *net, struct verdict_source source)
{
	switch (net->kind) {
	case NET_UNIX_PATH:
		add_path(policy, &policy->unix_paths, &net->path, source);
		break;
	case NET_UNIX_ABSTRACT:
		path_index_add(&policy->abstract_names, &policy->store, &net->path.written, source);
		break;
	default:
		net_index_add(&policy->net, &policy->store, net, source);
	}
}

static void add_calls(struct policy *policy, const struct call_set *calls, struct verdict_source source)
{
	for (uint32_t abi = 0; abi < CALL_SET_ABIS; abi++)
		for (uint32_t number = 0; number < CALL_SET_NUMBERS; number++)
			if (call_bits_have(calls->bits[abi], number))
				links_add(&policy->calls[abi][number], &policy->store, source);
	if (calls->unnamed)
		links_add(&policy->unnamed_calls, &policy->store, source);
}

static void add_pattern(struct policy *policy, const struct pattern *pattern)
{
	const struct rule *rule = &policy->rules[pattern->rule];
	struct verdict_source source = { .rule = pattern->rule, .program = rule->program };
	switch (pattern->kind) {
	case PATTERN_PATH:
		add_path(policy, &policy->paths[rule->subject], &pattern->path, source);
		break;
	case PATTERN_DIGEST:
		add_digest(policy, pattern->digest, source);
		break;
	case PATTERN_NET:
		add_net(policy, &pattern->net, source);
		break;
	case PATTERN_CALLS:
		add_calls(policy, &pattern->calls, source);
	}
}

static void add_default(struct policy *policy, uint32_t number)
{
	for (unsigned subject = 0; subject < POLICY_SUBJECTS; subject++)
		if (policy->rules[number].subjects & 1u << subject)
			policy->defaults[subject] = number;
}

/* A default that a later one replaces concerns nobody. */
static void note_concerns(struct policy *policy)
{
	for (uint32_t i = 0; i < policy->rule_count; i++) {
		const struct rule *rule = &policy->rules[i];
		if (!rule->is_default && rule->verdict != POLICY_ALLOW)
			policy->concerned |= 1u << rule->subject;
	}
	for (unsigned subject = 0; subject < POLICY_SUBJECTS; subject++)
		if (policy->defaults[subject] != POLICY_NO_RULE &&
		    policy->rules[policy->defaults[subject]].verdict != POLICY_ALLOW)
			policy->concerned |= 1u << subject;
}

int policy_compile(struct policy *policy)
{
	for (unsigned subject = 0; subject < POLICY_SUBJECTS; subject++)
		policy->defaults[subject] = POLICY_NO_RULE;
	for (uint32_t i = 0; i < policy->rule_count; i++)
		if (policy->rules[i].is_default)
			add_default(policy, i);
	for (uint32_t i = 0; i < policy->pattern_count; i++)
		add_pattern(policy, &policy->patterns[i]);
	note_concerns(policy);
	return policy->store.failed ? -1 : 0;
}
