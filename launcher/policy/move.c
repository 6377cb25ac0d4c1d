/* What becomes of the rules for all that is beneath a directory when the directory gets another name: see
 * policy_ask_move. Walks through the rules, so it costs more the more there are; directories are seldom moved.
 *
 * A rule other than allow that may hold beneath the old name is broken by the move unless a younger rule takes it
 * back there, or it holds beneath the new name as well and no younger rule takes it back there. */
#include "policy/rules.h"

struct move {
	const struct policy *policy;
	uint32_t domain;
	struct bytes from, to;
	struct glob from_tree; /* the old name and all beneath it; no tokens: too long a name */
};

static bool holds(const struct move *move, uint32_t rule)
{
	return source_holds((struct verdict_source){ rule, move->policy->rules[rule].program }, move->domain);
}

static bool lets_pass(const struct rule *rule)
{
	return rule->verdict == POLICY_ALLOW || rule->verdict == POLICY_LOG;
}

/* The patterns that are younger than the rule (plus 1; 0: all) and let such calls pass. */
static const struct pattern *next_passing(const struct move *move, uint32_t *at, uint32_t age, enum policy_subject subject)
{
	const struct policy *policy = move->policy;
	while (*at < policy->pattern_count) {
		const struct pattern *pattern = &policy->patterns[(*at)++];
		const struct rule *rule = &policy->rules[pattern->rule];
		if (pattern->rule + 1 > age && pattern->kind == PATTERN_PATH && rule->subject == subject && lets_pass(rule) &&
		    holds(move, pattern->rule))
			return pattern;
	}
	return NULL;
}

static bool covers(const struct path_pattern *wide, const struct glob *narrow)
{
	return glob_covers(&wide->written, narrow) || glob_covers(&wide->resolved, narrow);
}

static bool is_taken_back(const struct move *move, const struct glob *glob, uint32_t age, enum policy_subject subject)
{
	const struct pattern *passing;
	for (uint32_t at = 0; (passing = next_passing(move, &at, age, subject));)
		if (covers(&passing->path, glob) || (move->from_tree.tokens && covers(&passing->path, &move->from_tree)))
			return true;
	return false;
}

static bool is_loosened(const struct move *move, uint32_t age, enum policy_subject subject)
{
	const struct pattern *passing;
	for (uint32_t at = 0; (passing = next_passing(move, &at, age, subject));)
		if (glob_reaches_below(&passing->path.written, move->to) || glob_reaches_below(&passing->path.resolved, move->to))
			return true;
	return false;
}

static bool breaks(const struct move *move, const struct glob *glob, uint32_t age, enum policy_subject subject)
{
	return glob_reaches_below(glob, move->from) && !is_taken_back(move, glob, age, subject) &&
	       (!glob_moves_along(glob, move->from, move->to) || is_loosened(move, age, subject));
}

static void consider(const struct policy *policy, uint32_t rule, struct policy_answer *answer)
{
	const struct rule *broken = &policy->rules[rule];
	if (broken->verdict >= answer->verdict)
		*answer = (struct policy_answer){ .verdict = broken->verdict, .error = broken->error, .rule = rule };
}

static void consider_defaults(const struct move *move, struct policy_answer *answer)
{
	static const uint16_t everything[] = { GLOB_TAIL };
	const struct glob glob = glob_of(everything, 1);
	for (unsigned subject = POLICY_READ; subject <= POLICY_EXEC; subject++) {
		uint32_t rule = move->policy->defaults[subject];
		if (rule != POLICY_NO_RULE && move->policy->rules[rule].verdict != POLICY_ALLOW &&
		    breaks(move, &glob, 0, (enum policy_subject)subject))
			consider(move->policy, rule, answer);
	}
}

struct policy_answer policy_ask_move(const struct policy *policy, uint32_t domain, struct bytes from, struct bytes to)
{
	uint16_t tokens[GLOB_TOKENS_MAX];
	struct move move = { .policy = policy, .domain = domain, .from = from, .to = to };
	struct policy_answer answer = { .verdict = POLICY_ALLOW, .rule = POLICY_NO_RULE };
	if (from.len < GLOB_TOKENS_MAX) {
		for (size_t i = 0; i < from.len; i++)
			tokens[i] = (unsigned char)from.data[i];
		tokens[from.len] = GLOB_TAIL;
		move.from_tree = glob_of(tokens, from.len + 1);
	}
	consider_defaults(&move, &answer);
	for (uint32_t i = 0; i < policy->pattern_count; i++) {
		const struct pattern *pattern = &policy->patterns[i];
		const struct rule *rule = &policy->rules[pattern->rule];
		if (pattern->kind == PATTERN_PATH && rule->verdict != POLICY_ALLOW && holds(&move, pattern->rule) &&
		    (breaks(&move, &pattern->path.written, pattern->rule + 1, rule->subject) ||
		     breaks(&move, &pattern->path.resolved, pattern->rule + 1, rule->subject)))
			consider(policy, pattern->rule, &answer);
	}
	return answer;
}

struct policy_answer policy_ask_below(const struct policy *policy, uint32_t domain, struct bytes directory)
{
	return policy_ask_move(policy, domain, directory, bytes_of("", 0));
}
