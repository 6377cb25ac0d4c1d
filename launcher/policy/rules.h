/* A policy as it was read: its rules and their patterns, oldest first. Inside of policy/ only. */
#ifndef PTWRAP_POLICY_RULES_H
#define PTWRAP_POLICY_RULES_H

#include "policy/callpattern.h"
#include "policy/netpattern.h"
#include "policy/pathindex.h"
#include "policy/policy.h"

struct rule {
	const char *file; /* "--rule" for those of the command line */
	uint32_t line;
	struct bytes name, text;
	enum policy_verdict verdict;
	int error;
	enum policy_subject subject;
	bool is_default;       /* has no pattern, and subjects in place of a subject */
	uint32_t subjects;     /* bit per subject */
	uint32_t program;      /* bit of its `for`, 0: none */
	uint32_t first, count; /* its patterns */
};

enum pattern_kind { PATTERN_PATH, PATTERN_DIGEST, PATTERN_NET, PATTERN_CALLS };

struct pattern {
	enum pattern_kind kind;
	uint32_t rule, column;
	union {
		struct path_pattern path;
		uint8_t digest[POLICY_DIGEST_BYTES];
		struct net_pattern net;
		struct call_set calls;
	};
};

/* A program named by `for`. */
struct program {
	struct path_pattern path;
	struct bytes name; /* as written first */
};

struct policy {
	struct store store;
	struct rule *rules;
	uint32_t rule_count, rule_capacity;
	struct pattern *patterns;
	uint32_t pattern_count, pattern_capacity;
	struct program programs[POLICY_PROGRAMS_MAX];
	uint32_t program_count;

	/* Made of them by policy_compile: */
	uint32_t defaults[POLICY_SUBJECTS]; /* rule, or POLICY_NO_RULE */
	uint32_t concerned;                 /* bit per subject for which a rule answers other than allow */
	struct path_index paths[POLICY_EXEC + 1], unix_paths, abstract_names;
	struct digest_index {
		struct digest_entry *entries;
		uint32_t count, capacity;
		struct index index;
		uint32_t youngest; /* rule plus 1, 0: none */
	} digests;
	struct net_index net;
	struct verdict_link *calls[CALL_SET_ABIS][CALL_SET_NUMBERS], *unnamed_calls;
};

/* Reads all lines of the file, or the N-th --rule, into the policy. -1 with the fault set. */
int policy_parse_file(struct policy *policy, const char *path, struct fault *fault);
int policy_parse_rule(struct policy *policy, const char *text, uint32_t number, struct fault *fault);

/* -1 without memory. */
int policy_compile(struct policy *policy);

/* The digest's rules, or NULL. */
const struct verdict_link *digest_find(const struct policy *policy, const uint8_t digest[POLICY_DIGEST_BYTES]);

/* Does the first match everything that the second does? */
bool pattern_covers(const struct pattern *wide, const struct pattern *narrow);
bool pattern_equal(const struct pattern *a, const struct pattern *b);

#endif
