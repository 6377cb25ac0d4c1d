/* --check and --ask: see check.h. Runs nothing; reads the policy, links of paths asked about, and for questions about exec
 * the file, where rules go by its digest. */
#include "policy/check.h"

#include "message.h"
#include "policy/rules.h"
#include "sha256.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LINE_BYTES = 2048 };

/* A question being read. */
struct question {
	const struct policy *policy;
	struct bytes text;
	size_t at;
	struct fault fault;
	struct store store;
	uint32_t domain;
	enum policy_subject subject;
	struct strbuf resolved; /* the path that is judged */
	struct policy_answer answer;
};

static bool shadows(const struct policy *policy, const struct pattern *younger, const struct pattern *older)
{
	const struct rule *wide = &policy->rules[younger->rule], *narrow = &policy->rules[older->rule];
	return younger->rule > older->rule && wide->subject == narrow->subject &&
	       (!wide->program || wide->program == narrow->program) && pattern_covers(younger, older);
}

/* The youngest, so that the line names what decides in its place. */
static const struct pattern *find_shadow(const struct policy *policy, const struct pattern *pattern)
{
	for (uint32_t i = policy->pattern_count; i > 0; i--)
		if (shadows(policy, &policy->patterns[i - 1], pattern))
			return &policy->patterns[i - 1];
	return NULL;
}

static void print_shadowed(FILE *out, const struct policy *policy)
{
	for (uint32_t i = 0; i < policy->pattern_count; i++) {
		const struct pattern *pattern = &policy->patterns[i], *shadow = find_shadow(policy, pattern);
		const struct rule *rule = &policy->rules[pattern->rule];
		if (!shadow)
			continue;
		const struct rule *younger = &policy->rules[shadow->rule];
		fprintf(out, "%s:%u: never decides: %s stands later and matches all of it: %s\n", rule->name.data, pattern->column,
			younger->name.data, younger->text.data);
	}
}

static void print_replaced_defaults(FILE *out, const struct policy *policy)
{
	for (uint32_t i = 0; i < policy->rule_count; i++) {
		bool replaced = policy->rules[i].is_default;
		for (unsigned subject = 0; subject < POLICY_SUBJECTS; subject++)
			replaced &= policy->defaults[subject] != i;
		if (replaced)
			fprintf(out, "%s: never decides: a later default stands for the same\n", policy->rules[i].name.data);
	}
}

static bool is_refused(struct policy_answer answer)
{
	return answer.verdict == POLICY_DENY || answer.verdict == POLICY_KILL;
}

/* The answer that keeps a program from ever running, whoever asks; allow where it may run. */
static struct policy_answer ask_to_run(const struct policy *policy, struct bytes path)
{
	struct policy_answer answer = policy_ask_path(policy, 0, POLICY_EXEC, path);
	for (uint32_t i = 0; is_refused(answer) && i < policy->program_count; i++)
		if (!is_refused(policy_ask_path(policy, 1u << i, POLICY_EXEC, path)))
			answer.verdict = POLICY_ALLOW;
	if (policy_digest_may_overrule(policy, UINT32_MAX, answer))
		answer.verdict = POLICY_ALLOW;
	return answer;
}

static void print_idle_programs(FILE *out, const struct policy *policy)
{
	for (uint32_t i = 0; i < policy->program_count; i++) {
		const struct program *program = &policy->programs[i];
		const struct glob *glob = &program->path.resolved;
		struct strbuf path = { 0 };
		for (uint32_t j = 0; j < glob->literal; j++)
			strbuf_add_char(&path, (char)glob->tokens[j]);
		struct policy_answer answer = ask_to_run(policy, strbuf_bytes(&path));
		if (glob->literal == glob->len && is_refused(answer))
			fprintf(out, "for %s: holds for no process: %s keeps the program from running: %s\n", program->name.data,
				policy_rule_name(policy, answer.rule).data, policy_rule_text(policy, answer.rule).data);
		strbuf_free(&path);
	}
}

static int fail_question(struct question *question, const char *why)
{
	return fault_set(&question->fault, (uint32_t)question->text.len + 1, "%s, as in 'write /etc/passwd'", why);
}

/* A word that stands for one thing, as bytes. */
static int plain_text(struct question *question, const struct word *word, struct strbuf *text)
{
	struct tokens tokens = { 0 };
	int status = word_expand(word, &tokens, &question->fault);
	for (size_t i = 0; status == 0 && i < tokens.len; i++) {
		if (tokens.data[i] >= GLOB_STAR)
			status = fault_set(&question->fault, word->column, "a question is about one thing: no stars");
		else
			strbuf_add_char(text, (char)tokens.data[i]);
	}
	tokens_free(&tokens);
	return status;
}

/* The path that would be judged. */
static int read_path(struct question *question, const struct word *word)
{
	struct strbuf text = { 0 };
	int status = plain_text(question, word, &text);
	if (status == 0 && (!text.data || text.data[0] != '/' || strlen(text.data) != text.len))
		status = fault_set(&question->fault, word->column, "a path begins with '/'");
	if (status == 0)
		path_resolve(text.data, &question->resolved);
	while (question->resolved.len && question->resolved.data[question->resolved.len - 1] == '/')
		strbuf_cut(&question->resolved, question->resolved.len - 1);
	strbuf_free(&text);
	return status;
}

static bool hash_file(const char *path, uint8_t digest[POLICY_DIGEST_BYTES])
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	bool hashed = fd >= 0 && sha256_of_fd(fd, digest) == 0;
	if (fd >= 0)
		close(fd);
	return hashed;
}

static int ask_digest(struct question *question, const struct word *word)
{
	struct policy *asked = NULL;
	char rule[LINE_BYTES], why[LINE_BYTES];
	const char *texts[] = { rule };
	snprintf(rule, sizeof rule, "allow exec %.*s", (int)word->text.len, word->text.data);
	asked = policy_load(NULL, 0, texts, 1, why, sizeof why);
	if (!asked)
		return fault_set(&question->fault, word->column, "no SHA-256: 'sha256:' is followed by 64 hexadecimal digits");
	question->answer = policy_ask_digest(question->policy, question->domain, bytes_of("", 0), asked->patterns[0].digest);
	policy_free(asked);
	return 0;
}

static int ask_path(struct question *question, const struct word *word)
{
	uint8_t digest[POLICY_DIGEST_BYTES];
	bool is_exec = question->subject == POLICY_EXEC;
	if (is_exec && word->text.len > 7 && memcmp(word->text.data, "sha256:", 7) == 0)
		return ask_digest(question, word);
	if (read_path(question, word) < 0)
		return -1;
	struct bytes path = strbuf_bytes(&question->resolved);
	if (is_exec && policy_has_digests(question->policy) && path.len && hash_file(path.data, digest))
		question->answer = policy_ask_digest(question->policy, question->domain, path, digest);
	else
		question->answer = policy_ask_path(question->policy, question->domain, question->subject, path);
	return 0;
}

static int ask_unix(struct question *question, const struct word *word, bool abstract)
{
	size_t skip = abstract ? sizeof "unix:@" - 1 : sizeof "unix:" - 1;
	struct word name = { bytes_of(word->text.data + skip, word->text.len - skip), word->column + (uint32_t)skip };
	struct policy_endpoint endpoint = { .family = AF_UNIX, .abstract = abstract };
	if (abstract ? plain_text(question, &name, &question->resolved) : read_path(question, &name))
		return -1;
	endpoint.path = strbuf_bytes(&question->resolved);
	question->answer = policy_ask_net(question->policy, question->domain, &endpoint);
	return 0;
}

static int ask_internet(struct question *question, const struct word *word, const struct net_pattern *net)
{
	unsigned bits = net->family == AF_INET ? 32 : 128;
	struct policy_endpoint endpoint = { .family = AF_NETLINK };
	if (net->kind == NET_ADDRESS) {
		endpoint.family = net->family;
		endpoint.address = bytes_of((const char *)net->address, bits / 8);
		endpoint.port = net->port == NET_ANY_PORT ? 0 : (uint16_t)net->port;
	}
	if (net->kind != NET_NETLINK && (net->kind != NET_ADDRESS || net->prefix != bits))
		return fault_set(&question->fault, word->column, "a question is about one address, as in 'net 10.1.2.3:443'");
	question->answer = policy_ask_net(question->policy, question->domain, &endpoint);
	return 0;
}

static int ask_net(struct question *question, const struct word *word)
{
	struct net_pattern net = { .kind = NET_EVERY };
	struct tokens tokens = { 0 };
	int status = word_expand(word, &tokens, &question->fault);
	if (status == 0)
		status = net_pattern_make(&net, word, &tokens, &question->store, &question->fault);
	tokens_free(&tokens);
	if (status < 0)
		return -1;
	if (net.kind == NET_UNIX_PATH || net.kind == NET_UNIX_ABSTRACT)
		return ask_unix(question, word, net.kind == NET_UNIX_ABSTRACT);
	return ask_internet(question, word, &net);
}

static int ask_call(struct question *question, const struct word *word)
{
	char name[WORD_BYTES], why[LINE_BYTES];
	struct call_set set = { 0 };
	word_text(word, name);
	for (enum event_abi abi = ABI_X86_64; abi <= ABI_I386; abi++) {
		int number = syscall_number(abi, name);
		if (number < 0)
			continue;
		question->answer = policy_ask_syscall(question->policy, question->domain, abi, (uint32_t)number);
		return 0;
	}
	if (call_set_add(&set, name, false, why, sizeof why) < 0)
		return fault_set(&question->fault, word->column, "%s", why);
	return fault_set(&question->fault, word->column, "a question is about one system call, by its name");
}

/* "for PROGRAM"s in front: what a process would be that descends from them. */
static int read_programs(struct question *question, struct word *word)
{
	bool more = word_next(question->text, &question->at, word);
	while (more && word_is(word, "for")) {
		if (!word_next(question->text, &question->at, word))
			return fail_question(question, "the program of 'for' is missing");
		if (read_path(question, word) < 0)
			return -1;
		question->domain = policy_enter(question->policy, question->domain, strbuf_bytes(&question->resolved));
		strbuf_reset(&question->resolved);
		more = word_next(question->text, &question->at, word);
	}
	return more ? 0 : fail_question(question, "a question has a subject and an object");
}

static int ask(struct question *question, struct word *object)
{
	static int (*const ask_about[POLICY_SUBJECTS])(struct question *, const struct word *) = {
		[POLICY_READ] = ask_path, [POLICY_WRITE] = ask_path,   [POLICY_EXEC] = ask_path,
		[POLICY_NET] = ask_net,	  [POLICY_SYSCALL] = ask_call,
	};
	struct word word;
	unsigned subject = 0;
	if (read_programs(question, &word) < 0)
		return -1;
	while (subject < POLICY_SUBJECTS && !word_is(&word, policy_subject_words[subject]))
		subject++;
	if (subject == POLICY_SUBJECTS)
		return fault_set(&question->fault, word.column, "a question begins with read, write, exec, net or syscall");
	question->subject = (enum policy_subject)subject;
	if (!word_next(question->text, &question->at, object))
		return fail_question(question, "a question has a subject and an object");
	if (word_next(question->text, &question->at, &word))
		return fault_set(&question->fault, word.column, "a question is about one thing: a blank in a name is written '\\ '");
	return ask_about[subject](question, object);
}

static void print_answer(FILE *out, const struct question *question, const struct word *object)
{
	struct policy_answer answer = question->answer;
	fprintf(out, "%.*s", (int)question->text.len, question->text.data);
	if (question->resolved.len && question->subject != POLICY_NET && !bytes_equal(strbuf_bytes(&question->resolved), object->text))
		fprintf(out, " (%s)", question->resolved.data);
	fprintf(out, ": %s", policy_verdict_words[answer.verdict]);
	if (answer.verdict == POLICY_DENY)
		fprintf(out, " %s", syscall_errno_name(answer.error));
	if (answer.rule == POLICY_NO_RULE)
		fprintf(out, ", by no rule\n");
	else
		fprintf(out, ", by %s: %s\n", policy_rule_name(question->policy, answer.rule).data,
			policy_rule_text(question->policy, answer.rule).data);
}

static int answer_question(FILE *out, const struct policy *policy, const char *text, uint32_t number, struct fault *fault)
{
	struct question question = { .policy = policy, .text = bytes_of_string(text), .fault = *fault };
	struct word object;
	question.fault.file = "--ask";
	question.fault.line = number;
	int status = ask(&question, &object);
	if (status == 0)
		print_answer(out, &question, &object);
	store_free(&question.store);
	strbuf_free(&question.resolved);
	return status;
}

static void print_policy(FILE *out, const struct check *check, const struct policy *policy)
{
	for (size_t i = 0; i < check->file_count; i++)
		fprintf(out, "%s: well-formed\n", check->files[i]);
	fprintf(out, "%u rules, %u patterns\n", policy->rule_count, policy->pattern_count);
	print_shadowed(out, policy);
	print_replaced_defaults(out, policy);
	print_idle_programs(out, policy);
}

int check_run(const struct check *check, FILE *out)
{
	char error[LINE_BYTES];
	struct fault fault = { .text = error, .size = sizeof error };
	struct policy *policy = policy_load(check->files, check->file_count, check->rules, check->rule_count, error, sizeof error);
	if (!policy) {
		message_error(NULL, "%s", error);
		return -1;
	}
	print_policy(out, check, policy);
	int status = 0;
	for (size_t i = 0; status == 0 && i < check->question_count; i++)
		status = answer_question(out, policy, check->questions[i], (uint32_t)i + 1, &fault);
	if (status < 0)
		message_error(NULL, "%s", error);
	policy_free(policy);
	return status;
}
