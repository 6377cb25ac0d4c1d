/* The policy: rules read from files and --rule texts, compiled, and what they answer (interface.md section 5).
 *
 * The last rule that matches decides, among those whose `for` holds for the process; without a match `default`
 * does, without a default the answer is allow. `default VERDICT` without a subject stands for read, write, exec and
 * net: no program runs without system calls, so `default deny syscall` has to be said.
 *
 * Paths are judged as the walker names objects: absolute, all links resolved, no "." and "..", no slash at the end.
 * DIR followed by a slash and two stars is DIR itself and all that is beneath it. A pattern's beginning up to its first
 * star is looked up when the policy is loaded: where links lead elsewhere, the pattern holds for both names.
 *
 * A loaded policy is immutable: any thread may ask at any time. No question allocates, locks or fails. What a
 * question costs (but policy_ask_move) does not grow with the number of exact paths, of directories, of addresses and of calls that rules name;
 * it grows with the number of other patterns and of programs named by `for`. */
#ifndef PTWRAP_POLICY_POLICY_H
#define PTWRAP_POLICY_POLICY_H

#include "bytes.h"
#include "event.h"

#include <stdint.h>

struct policy;

enum policy_verdict { POLICY_ALLOW, POLICY_LOG, POLICY_DENY, POLICY_KILL };
enum policy_subject {
	POLICY_READ,
	POLICY_WRITE,
	POLICY_EXEC,
	POLICY_NET,
	POLICY_SYSCALL,
	POLICY_SUBJECTS
};

enum {
	POLICY_NO_RULE = UINT32_MAX, /* the built-in allow */
	POLICY_PROGRAMS_MAX = 32,    /* different programs named by `for` */
	POLICY_DIGEST_BYTES = 32,
};

struct policy_answer {
	enum policy_verdict verdict;
	int error;     /* DENY: the errno, EPERM unless the rule says another; else 0 */
	uint32_t rule; /* its number, for policy_rule_name; POLICY_NO_RULE */
};

/* "allow", ... and "read", ...: the language's own words. */
extern const char *const policy_verdict_words[POLICY_KILL + 1];
extern const char *const policy_subject_words[POLICY_SUBJECTS];

/* From files, then --rule texts, in order: of two rules that match, the one that stands later decides. NULL after
 * one line in error, "FILE:LINE:COLUMN: reason" ("FILE: reason" for one that cannot be read). Reads the environment,
 * the working directory, and the links that patterns begin with. */
struct policy *policy_load(const char *const *files, size_t n_files, const char *const *rules, size_t n_rules,
			   char *error, size_t error_size);
void policy_free(struct policy *policy);

/* "ci.policy:5"; "--rule:2" for the second --rule. NULs after both: they may be printed by %s. */
uint32_t policy_rule_count(const struct policy *policy);
struct bytes policy_rule_name(const struct policy *policy, uint32_t rule);
struct bytes policy_rule_text(const struct policy *policy, uint32_t rule); /* as written, without comment */

/* A domain says which programs named by `for` a process descends from: 0 at the start, inherited by fork and exec.
 * The domain after an exec of that program (its path, all links resolved); to be asked for a script and for its
 * interpreter, one after the other. */
uint32_t policy_enter(const struct policy *policy, uint32_t domain, struct bytes program);

/* POLICY_READ, POLICY_WRITE or POLICY_EXEC of a path. */
struct policy_answer policy_ask_path(const struct policy *policy, uint32_t domain, enum policy_subject subject,
				     struct bytes path);

/* Exec of a file with that content: rules on paths and sha256: rules together. */
struct policy_answer policy_ask_digest(const struct policy *policy, uint32_t domain, struct bytes path,
				       const uint8_t digest[POLICY_DIGEST_BYTES]);

/* Could a sha256: rule that stands after the rule of this answer overrule it, once the file's digest is known? Then
 * policy_ask_path's answer to an exec is not yet the last word. */
bool policy_digest_may_overrule(const struct policy *policy, uint32_t domain, struct policy_answer answer);

/* Whom a socket talks to, or binds to. The kernel takes a destination 0.0.0.0 for 127.0.0.1 and :: for ::1: who asks
 * about a destination (not a bind) gives what the kernel takes it for. */
struct policy_endpoint {
	int family;           /* AF_* */
	struct bytes address; /* 4 or 16 bytes, as they stand in a sockaddr; a v4-mapped one counts as v4 */
	uint16_t port;        /* in host order */
	struct bytes path;    /* AF_UNIX: a path (as for policy_ask_path), or an abstract name without its NUL */
	bool abstract;
};
struct policy_answer policy_ask_net(const struct policy *policy, uint32_t domain, const struct policy_endpoint *endpoint);

struct policy_answer policy_ask_syscall(const struct policy *policy, uint32_t domain, enum event_abi abi, uint32_t number);

/* Can any rule answer other than allow, in any domain? */
bool policy_concerns(const struct policy *policy, enum policy_subject subject);
bool policy_concerns_syscall(const struct policy *policy, enum event_abi abi, uint32_t number);
bool policy_has_digests(const struct policy *policy);

/* Renaming a directory, or mounting it elsewhere, takes what is beneath it out of the rules for its old name. The strictest
 * answer other than allow of a read, write or exec rule that may hold for something beneath `from` and would not beneath `to`
 * (a rule that begins with two stars holds beneath both); allow if there is none. To be asked besides the questions about
 * both names themselves; both as for policy_ask_path. The one question that costs more the more rules there are. */
struct policy_answer policy_ask_move(const struct policy *policy, uint32_t domain, struct bytes from, struct bytes to);

/* The same for a new name that is not known: only rules that hold everywhere count as moving along. */
struct policy_answer policy_ask_below(const struct policy *policy, uint32_t domain, struct bytes directory);

#endif
