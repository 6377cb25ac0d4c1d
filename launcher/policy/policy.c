/* A policy as a whole: see policy.h. Owns its memory: an arena, and the tables of its indexes. */
#include "policy/rules.h"

#include <stdlib.h>

static int read_all(struct policy *policy, const char *const *files, size_t n_files, const char *const *rules, size_t n_rules,
		    struct fault *fault)
{
	for (size_t i = 0; i < n_files; i++)
		if (policy_parse_file(policy, files[i], fault) < 0)
			return -1;
	for (size_t i = 0; i < n_rules; i++)
		if (policy_parse_rule(policy, rules[i], (uint32_t)i + 1, fault) < 0)
			return -1;
	return policy_compile(policy) < 0 ? fault_memory(fault) : 0;
}

struct policy *policy_load(const char *const *files, size_t n_files, const char *const *rules, size_t n_rules, char *error,
			   size_t error_size)
{
	struct fault fault = { .text = error, .size = error_size, .file = "" };
	struct policy *policy = calloc(1, sizeof *policy);
	if (!policy) {
		fault_memory(&fault);
		return NULL;
	}
	if (read_all(policy, files, n_files, rules, n_rules, &fault) < 0) {
		policy_free(policy);
		return NULL;
	}
	return policy;
}

void policy_free(struct policy *policy)
{
	if (!policy)
		return;
	for (size_t i = 0; i < sizeof policy->paths / sizeof *policy->paths; i++)
		path_index_free(&policy->paths[i]);
	path_index_free(&policy->unix_paths);
	path_index_free(&policy->abstract_names);
	net_index_free(&policy->net);
	index_free(&policy->digests.index);
	store_free(&policy->store);
	free(policy);
}

uint32_t policy_rule_count(const struct policy *policy)
{
	return policy->rule_count;
}

struct bytes policy_rule_name(const struct policy *policy, uint32_t rule)
{
	return rule < policy->rule_count ? policy->rules[rule].name : bytes_of_string("built-in");
}

struct bytes policy_rule_text(const struct policy *policy, uint32_t rule)
{
	return rule < policy->rule_count ? policy->rules[rule].text : bytes_of_string("default allow");
}
