/* What a policy answers to a call: see policy.h. Only reads the policy, so any thread may ask. */
#include "policy/rules.h"

#include <sys/socket.h>

static struct policy_answer answer_of(const struct policy *policy, uint32_t rule)
{
	if (rule == POLICY_NO_RULE)
		return (struct policy_answer){ .verdict = POLICY_ALLOW, .rule = rule };
	const struct rule *decides = &policy->rules[rule];
	return (struct policy_answer){ .verdict = decides->verdict, .error = decides->error, .rule = rule };
}

static struct policy_answer answer(const struct policy *policy, enum policy_subject subject, const struct search *search)
{
	return answer_of(policy, search->found ? search->found - 1 : policy->defaults[subject]);
}

uint32_t policy_enter(const struct policy *policy, uint32_t domain, struct bytes program)
{
	for (uint32_t i = 0; i < policy->program_count; i++) {
		const struct path_pattern *path = &policy->programs[i].path;
		if (glob_matches(&path->written, program) || glob_matches(&path->resolved, program))
			domain |= 1u << i;
	}
	return domain;
}

struct policy_answer policy_ask_path(const struct policy *policy, uint32_t domain, enum policy_subject subject, struct bytes path)
{
	struct search search = { .domain = domain };
	if (subject > POLICY_EXEC)
		return answer_of(policy, POLICY_NO_RULE);
	path_index_search(&policy->paths[subject], path, &search);
	return answer(policy, subject, &search);
}

struct policy_answer policy_ask_digest(const struct policy *policy, uint32_t domain, struct bytes path,
				       const uint8_t digest[POLICY_DIGEST_BYTES])
{
	struct search search = { .domain = domain };
	links_search(digest_find(policy, digest), &search);
	path_index_search(&policy->paths[POLICY_EXEC], path, &search);
	return answer(policy, POLICY_EXEC, &search);
}

/* A default counts as older than every rule, wherever it stands. */
static uint32_t age_of(const struct policy *policy, uint32_t rule)
{
	return rule == POLICY_NO_RULE || policy->rules[rule].is_default ? 0 : rule + 1;
}

bool policy_digest_may_overrule(const struct policy *policy, uint32_t domain, struct policy_answer given)
{
	for (uint32_t i = policy->digests.youngest ? policy->pattern_count : 0; i > 0; i--) {
		const struct pattern *pattern = &policy->patterns[i - 1];
		const struct rule *rule = &policy->rules[pattern->rule];
		struct verdict_source source = { .rule = pattern->rule, .program = rule->program };
		if (age_of(policy, pattern->rule) <= age_of(policy, given.rule) || pattern->rule + 1 > policy->digests.youngest)
			continue;
		if (pattern->kind == PATTERN_DIGEST && source_holds(source, domain))
			return true;
	}
	return false;
}

struct policy_answer policy_ask_net(const struct policy *policy, uint32_t domain, const struct policy_endpoint *endpoint)
{
	struct search search = { .domain = domain };
	if (endpoint->family != AF_UNIX)
		net_index_search(&policy->net, endpoint, &search);
	else if (endpoint->abstract)
		path_index_search_name(&policy->abstract_names, endpoint->path, &search);
	else
		path_index_search(&policy->unix_paths, endpoint->path, &search);
	return answer(policy, POLICY_NET, &search);
}

/* x32 has no tables of its own: its calls go by the name they share with native ones. */
static const struct verdict_link *find_calls(const struct policy *policy, enum event_abi abi, uint32_t number)
{
	const struct syscall_desc *desc = syscall_lookup(abi, number);
	if (!desc)
		return policy->unnamed_calls;
	if (abi == ABI_X32) {
		int native = syscall_number(ABI_X86_64, desc->name);
		abi = ABI_X86_64;
		number = native < 0 ? CALL_SET_NUMBERS : (uint32_t)native;
	}
	return number < CALL_SET_NUMBERS ? policy->calls[abi][number] : policy->unnamed_calls;
}

struct policy_answer policy_ask_syscall(const struct policy *policy, uint32_t domain, enum event_abi abi, uint32_t number)
{
	struct search search = { .domain = domain };
	links_search(find_calls(policy, abi, number), &search);
	return answer(policy, POLICY_SYSCALL, &search);
}

bool policy_concerns(const struct policy *policy, enum policy_subject subject)
{
	return policy->concerned >> subject & 1;
}

bool policy_concerns_syscall(const struct policy *policy, enum event_abi abi, uint32_t number)
{
	const struct verdict_link *link = find_calls(policy, abi, number);
	for (; link; link = link->next) {
		if (policy->rules[link->source.rule].verdict != POLICY_ALLOW)
			return true;
		if (!link->source.program)
			return false;
	}
	return answer_of(policy, policy->defaults[POLICY_SYSCALL]).verdict != POLICY_ALLOW;
}

bool policy_has_digests(const struct policy *policy)
{
	return policy->digests.count > 0;
}
