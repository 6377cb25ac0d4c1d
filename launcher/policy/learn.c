/* From needs to rules: see learn.h. Reads the environment and links of its variables; writes nothing. */
#include "policy/learn.h"

#include "policy/rules.h"
#include "policy/spelling.h"
#include "redact.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

enum { USERS_SHOWN = 6, RULE_COLUMNS = 56, FIRST_EPHEMERAL_PORT = 32768 };

static const char user_mark[] = "# needed by ", withheld_mark[] = "# not learned: ";
static const char veil_mark[] = "; a star hides a secret";

/* A rule to be written. */
struct learned_rule {
	enum policy_subject subject;
	const struct name *pattern;
	struct user *users;
	bool veiled; /* a star of it hides a secret */
};

struct learning {
	struct learn *learn;
	struct store store;
	struct spelling spelling;
	struct path_tree trees[POLICY_EXEC + 1];
	struct learned_rule *rules;
	uint32_t rule_count, rule_capacity;
	struct strbuf withheld; /* lines */
};

/* ---- what is there ---- */

/* The comment of a learned rule, from its mark on; no bytes: it is none. */
static struct bytes comment_of(struct bytes line)
{
	const char *mark = line.len ? memmem(line.data, line.len, user_mark, sizeof user_mark - 1) : NULL;
	return mark ? bytes_of(mark, line.len - (size_t)(mark - line.data)) : bytes_of("", 0);
}

static bool begins_with(struct bytes line, const char *beginning)
{
	size_t len = strlen(beginning);
	return line.len >= len && memcmp(line.data, beginning, len) == 0;
}

static const struct rule *rule_of_line(const struct learn *learn, uint32_t line)
{
	for (uint32_t i = 0; learn->present && i < learn->present->rule_count; i++)
		if (learn->present->rules[i].line == line && strcmp(learn->present->rules[i].file, learn->file) == 0)
			return &learn->present->rules[i];
	return NULL;
}

/* Is it spelled as learned paths are: no stars that may stand for a slash, but at the end? */
static bool is_plantable(const struct glob *glob)
{
	for (uint32_t i = 0; i < glob->len; i++)
		if (glob->tokens[i] == GLOB_ANY || glob->tokens[i] == GLOB_DIRS)
			return false;
	return true;
}

/* The rule of a line that was learned, whose place is taken by what is learned now. */
static const struct rule *learned_rule(const struct learn *learn, struct bytes line, uint32_t number)
{
	const struct rule *rule = comment_of(line).len ? rule_of_line(learn, number) : NULL;
	if (!rule || rule->verdict != POLICY_ALLOW || rule->program || rule->is_default || rule->count != 1)
		return NULL;
	const struct pattern *pattern = &learn->present->patterns[rule->first];
	return pattern->kind == PATTERN_PATH && !is_plantable(&pattern->path.resolved) ? NULL : rule;
}

static bool is_learned_line(const struct learn *learn, struct bytes line, uint32_t number)
{
	return begins_with(line, withheld_mark) || learned_rule(learn, line, number);
}

static bool next_line(struct bytes *text, struct bytes *line)
{
	if (!text->len)
		return false;
	const char *end = memchr(text->data, '\n', text->len);
	size_t len = end ? (size_t)(end - text->data) : text->len, taken = len + (end != NULL);
	*line = bytes_of(text->data, len);
	*text = bytes_of(text->data + taken, text->len - taken);
	return true;
}

/* ---- rules ---- */

/* NULL without memory. Few rules are added so; those of paths come once each. */
static struct learned_rule *add_rule(struct learning *learning, enum policy_subject subject, struct bytes pattern)
{
	const struct name *name = store_name(&learning->store, pattern);
	for (uint32_t i = 0; i < learning->rule_count; i++)
		if (learning->rules[i].subject == subject && learning->rules[i].pattern == name)
			return &learning->rules[i];
	if (!name || !store_grow(&learning->store, &learning->rules, learning->rule_count, &learning->rule_capacity,
				 sizeof(struct learned_rule)))
		return NULL;
	struct learned_rule *rule = &learning->rules[learning->rule_count++];
	*rule = (struct learned_rule){ .subject = subject, .pattern = name };
	return rule;
}

static void keep_branch(struct branch *branch, bool below)
{
	if (branch)
		branch->kept_below |= below;
	for (branch = branch && !below ? branch->parent : branch; branch; branch = branch->parent)
		branch->kept = true;
}

static void keep_from_folding(struct learning *learning, struct path_tree *tree)
{
	static const char *const whole[] = { "/etc", "/proc", "/dev" };
	const struct spelling *spelling = &learning->spelling;
	struct bytes home = strbuf_bytes(&spelling->values[SPELLING_HOME]);
	for (size_t i = 0; i < sizeof whole / sizeof *whole; i++)
		keep_branch(spelling_plant(spelling, tree, bytes_of_string(whole[i])), true);
	keep_branch(spelling_plant(spelling, tree, strbuf_bytes(&spelling->values[SPELLING_PWD])), false);
	struct branch *branch = home.len ? spelling_plant(spelling, tree, home) : NULL;
	keep_branch(branch ? path_tree_reach(tree, branch, bytes_of_string(".ssh")) : NULL, true);
}

/* The last name of a program's path, without secrets, as a comment has it. */
static const struct name *user_name(struct learning *learning, struct bytes path)
{
	char *owned;
	struct bytes program = redactor_mask(learning->learn->redactor, path, &owned);
	const char *slash = program.len ? memrchr(program.data, '/', program.len) : NULL;
	struct bytes base = slash ? bytes_of(slash + 1, program.len - (size_t)(slash + 1 - program.data)) : program;
	struct strbuf text = { 0 };
	for (size_t i = 0; i < base.len; i++)
		strbuf_add_char(&text, (unsigned char)base.data[i] <= ' ' || strchr(",;\x7f", base.data[i]) ? '?' : base.data[i]);
	const struct name *name = text.len ? store_name(&learning->store, strbuf_bytes(&text)) : NULL;
	strbuf_free(&text);
	free(owned);
	return name;
}

/* "a, b and 3 more": what is behind the last name is not known any more. */
static void add_users_of_comment(struct learning *learning, struct user **users, struct bytes comment)
{
	size_t at = sizeof user_mark - 1;
	while (at < comment.len) {
		size_t end = at;
		while (end < comment.len && !strchr(",; \r", comment.data[end]))
			end++;
		struct bytes word = bytes_of(comment.data + at, end - at);
		if (bytes_equal(word, bytes_of_string("and")))
			return;
		const struct name *name = word.len ? user_name(learning, word) : NULL;
		if (name)
			users_add(users, &learning->store, name);
		if (end < comment.len && comment.data[end] == ';')
			return;
		at = end + 1;
	}
}

static void add_user(struct learning *learning, struct user **users, const struct need *need)
{
	const struct name *name = user_name(learning, name_bytes(need->program));
	if (name)
		users_add(users, &learning->store, name);
}

/* ---- what was learned before ---- */

/* With NUL for a star. */
static struct branch *plant_glob(struct learning *learning, struct path_tree *tree, const struct glob *glob)
{
	struct strbuf path = { 0 };
	for (uint32_t i = 0; i < glob->len; i++)
		if (glob->tokens[i] != GLOB_TAIL)
			strbuf_add_char(&path, glob->tokens[i] == GLOB_STAR ? '\0' : (char)glob->tokens[i]);
	struct branch *branch = path.failed ? NULL : spelling_plant_again(&learning->spelling, tree, strbuf_bytes(&path));
	learning->store.failed |= path.failed;
	strbuf_free(&path);
	return branch;
}

static bool tells_of_veil(struct bytes comment)
{
	return memmem(comment.data, comment.len, veil_mark, sizeof veil_mark - 1) != NULL;
}

static void take_pattern(struct learning *learning, const struct rule *rule, struct bytes comment, struct bytes line)
{
	const struct pattern *pattern = &learning->learn->present->patterns[rule->first];
	if (pattern->kind == PATTERN_PATH) {
		const struct glob *glob = &pattern->path.resolved;
		struct branch *branch = plant_glob(learning, &learning->trees[rule->subject], glob);
		if (!branch)
			return;
		branch->needed = true;
		branch->whole |= glob->len && glob->tokens[glob->len - 1] == GLOB_TAIL;
		branch->veiled |= tells_of_veil(comment);
		add_users_of_comment(learning, &branch->users, comment);
		return;
	}
	struct word word;
	size_t at = pattern->column - 1;
	word_next(line, &at, &word);
	struct learned_rule *learned = add_rule(learning, rule->subject, word.text);
	if (!learned)
		return;
	learned->veiled |= tells_of_veil(comment);
	add_users_of_comment(learning, &learned->users, comment);
}

static void take_present(struct learning *learning)
{
	struct bytes text = learning->learn->text, line;
	for (uint32_t number = 1; next_line(&text, &line); number++) {
		const struct rule *rule = learned_rule(learning->learn, line, number);
		if (rule)
			take_pattern(learning, rule, comment_of(line), line);
	}
}

/* ---- needs ---- */

/* Asked of the kernel, or got from it: the next run has another. */
static bool is_port_made_up(struct bytes host, unsigned long port)
{
	bool loopback = begins_with(host, "127.") || begins_with(host, "[::1]");
	return loopback && (port == 0 || port >= FIRST_EPHEMERAL_PORT);
}

/* A socket in the file system: its path, spelled as others are. True: a star hides a secret. */
static bool spell_socket(struct learning *learning, struct bytes path, struct strbuf *out)
{
	struct path_tree tree = path_tree_on(&learning->store);
	struct branch *branch = spelling_plant(&learning->spelling, &tree, path);
	strbuf_add_string(out, "unix:");
	bool veiled = branch && spelling_write(&learning->spelling, branch, "", out);
	path_tree_free(&tree);
	return veiled;
}

/* An address is written whole, or not at all. */
static bool spell_address(struct learning *learning, struct bytes object, struct strbuf *out)
{
	const char *colon = memrchr(object.data, ':', object.len);
	size_t host = (size_t)(colon - object.data);
	bool made_up = is_port_made_up(object, strtoul(colon + 1, NULL, 10));
	bool veiled = spelling_escape(&learning->spelling, bytes_of(object.data, made_up ? host : object.len), out);
	if (veiled) {
		strbuf_reset(out);
		strbuf_add_char(out, '*');
	}
	return veiled;
}

/* As a pattern of `net`, into an empty *out. Families without addresses have only the star. */
static bool spell_endpoint(struct learning *learning, struct bytes object, struct strbuf *out)
{
	if (begins_with(object, "unix:/"))
		return spell_socket(learning, bytes_of(object.data + 5, object.len - 5), out);
	if (begins_with(object, "unix:") || bytes_equal(object, bytes_of_string("netlink")))
		return spelling_escape(&learning->spelling, object, out);
	if (object.len && memchr(object.data, ':', object.len))
		return spell_address(learning, object, out);
	strbuf_add_char(out, '*');
	return false;
}

static void need_rule(struct learning *learning, const struct need *need)
{
	struct strbuf pattern = { 0 };
	bool veiled = need->kind == NEED_NET ? spell_endpoint(learning, name_bytes(need->object), &pattern) :
					       spelling_escape(&learning->spelling, name_bytes(need->object), &pattern);
	struct learned_rule *rule = pattern.failed ? NULL : add_rule(learning, (enum policy_subject)need->kind,
								      strbuf_bytes(&pattern));
	if (rule) {
		rule->veiled |= veiled;
		add_user(learning, &rule->users, need);
	}
	learning->store.failed |= pattern.failed;
	strbuf_free(&pattern);
}

static void need_path(struct learning *learning, enum policy_subject subject, const struct need *need, bool whole)
{
	struct branch *branch = spelling_plant(&learning->spelling, &learning->trees[subject], name_bytes(need->object));
	if (!branch)
		return;
	branch->needed = true;
	branch->whole |= whole && !branch->kept;
	add_user(learning, &branch->users, need);
}

/* Does something run from where a directory is moved to? Then programs in the directory were to be known before. */
static bool runs_moved(const struct needs *needs)
{
	for (uint32_t i = 0; i < needs_count(needs); i++) {
		const struct name *directory = needs_at(needs, i)->object;
		if (needs_at(needs, i)->kind != NEED_MOVED_TO)
			continue;
		for (uint32_t j = 0; j < needs_count(needs); j++) {
			const struct need *need = needs_at(needs, j);
			if (need->kind == NEED_EXEC && need->object->len > directory->len &&
			    need->object->data[directory->len] == '/' &&
			    memcmp(need->object->data, directory->data, directory->len) == 0)
				return true;
		}
	}
	return false;
}

static void need_moved(struct learning *learning, const struct need *need, bool runs)
{
	need_path(learning, POLICY_WRITE, need, true);
	need_path(learning, POLICY_READ, need, true);
	if (runs && need->kind == NEED_MOVED)
		need_path(learning, POLICY_EXEC, need, true);
}

/* ---- what is allowed already ---- */

static bool parse_endpoint(struct bytes object, struct policy_endpoint *endpoint, uint8_t raw[16])
{
	char text[INET6_ADDRSTRLEN + 8];
	*endpoint = (struct policy_endpoint){ .family = AF_PACKET };
	if (begins_with(object, "unix:")) {
		endpoint->family = AF_UNIX;
		endpoint->abstract = begins_with(object, "unix:@");
		size_t skip = endpoint->abstract ? 6 : 5;
		endpoint->path = bytes_of(object.data + skip, object.len - skip);
		return true;
	}
	if (bytes_equal(object, bytes_of_string("netlink")))
		endpoint->family = AF_NETLINK;
	const char *colon = object.len ? memrchr(object.data, ':', object.len) : NULL;
	bool brackets = object.len && object.data[0] == '[';
	size_t len = colon ? (size_t)(colon - object.data) : 0;
	if (!colon || len >= sizeof text || len < 3)
		return true;
	snprintf(text, sizeof text, "%.*s", (int)(len - 2 * brackets), object.data + brackets);
	endpoint->family = brackets ? AF_INET6 : AF_INET;
	endpoint->address = bytes_of((const char *)raw, brackets ? 16 : 4);
	endpoint->port = (uint16_t)strtoul(colon + 1, NULL, 10);
	return inet_pton(endpoint->family, text, raw) == 1;
}

static struct policy_answer ask(const struct policy *policy, const struct need *need)
{
	static const struct policy_answer allowed = { .verdict = POLICY_ALLOW, .rule = POLICY_NO_RULE };
	uint32_t domain = policy_enter(policy, 0, name_bytes(need->program));
	struct bytes object = name_bytes(need->object);
	struct policy_endpoint endpoint;
	uint8_t raw[16];
	switch (need->kind) {
	case NEED_READ:
	case NEED_WRITE:
	case NEED_EXEC:
		return policy_ask_path(policy, domain, (enum policy_subject)need->kind, object);
	case NEED_NET:
		return parse_endpoint(object, &endpoint, raw) ? policy_ask_net(policy, domain, &endpoint) : allowed;
	case NEED_SYSCALL:
		for (enum event_abi abi = ABI_X86_64; abi <= ABI_I386; abi++) {
			int number = syscall_number(abi, need->object->data);
			if (number >= 0)
				return policy_ask_syscall(policy, domain, abi, (uint32_t)number);
		}
		return allowed;
	case NEED_MOVED:
		return policy_ask_below(policy, domain, object);
	default:
		return allowed;
	}
}

static bool refuses(struct policy_answer answer)
{
	return answer.verdict == POLICY_DENY || answer.verdict == POLICY_KILL;
}

static void withhold(struct learning *learning, const struct need *need, const struct rule *rule)
{
	const struct name *user = user_name(learning, name_bytes(need->program));
	learning->learn->withheld++;
	strbuf_addf(&learning->withheld, "%s%s ", withheld_mark, policy_subject_words[need->kind]);
	spelling_escape(&learning->spelling, name_bytes(need->object), &learning->withheld);
	strbuf_addf(&learning->withheld, ", needed by %s: %s\n", user ? user->data : "?", rule->text.data);
}

/* Is it new, and does no line of the user's own deny it? */
static bool is_to_be_learned(struct learning *learning, const struct need *need)
{
	const struct policy *present = learning->learn->present;
	if (!present || !present->rule_count || need->kind == NEED_MOVED_TO)
		return true;
	struct policy_answer answer = ask(present, need);
	if (!refuses(answer))
		return false;
	const struct rule *rule = &present->rules[answer.rule];
	bool users_own = need->kind < NEED_SYSCALL && !rule->is_default;
	if (users_own)
		withhold(learning, need, rule);
	return !users_own;
}

static void take_needs(struct learning *learning)
{
	const struct needs *needs = learning->learn->needs;
	bool runs = runs_moved(needs);
	for (uint32_t i = 0; i < needs_count(needs); i++) {
		const struct need *need = needs_at(needs, i);
		if (need->kind == NEED_MADE || need->kind == NEED_GONE || !is_to_be_learned(learning, need))
			continue;
		if (need->kind == NEED_MOVED || need->kind == NEED_MOVED_TO)
			need_moved(learning, need, runs);
		else if (need->kind <= NEED_EXEC)
			need_path(learning, (enum policy_subject)need->kind, need, false);
		else
			need_rule(learning, need);
	}
}

/* ---- writing ---- */

static void take_branches(struct learning *learning, enum policy_subject subject, const struct branch *branch)
{
	if (branch->needed || branch->whole) {
		struct strbuf pattern = { 0 };
		bool veiled = spelling_write(&learning->spelling, branch, branch->whole ? "/**" : "", &pattern);
		struct learned_rule *rule = add_rule(learning, subject, strbuf_bytes(&pattern));
		if (rule) {
			rule->users = branch->users;
			rule->veiled = veiled;
		}
		learning->store.failed |= pattern.failed;
		strbuf_free(&pattern);
	}
	for (const struct branch *child = branch->whole ? NULL : branch->first; child; child = child->next)
		take_branches(learning, subject, child);
}

static int compare_rules(const void *a, const void *b)
{
	const struct learned_rule *first = a, *second = b;
	if (first->subject != second->subject)
		return (int)first->subject - (int)second->subject;
	return bytes_compare(name_bytes(first->pattern), name_bytes(second->pattern));
}

static int compare_users(const void *a, const void *b)
{
	return bytes_compare(name_bytes(*(const struct name *const *)a), name_bytes(*(const struct name *const *)b));
}

static void write_users(const struct user *users, struct strbuf *out)
{
	const struct name *names[256];
	size_t count = 0, unshown;
	for (; users && count < sizeof names / sizeof *names; users = users->next)
		names[count++] = users->name;
	if (count)
		qsort(names, count, sizeof *names, compare_users);
	unshown = count > USERS_SHOWN ? count - USERS_SHOWN : 0;
	for (size_t i = 0; i < count - unshown; i++)
		strbuf_addf(out, "%s%s", i ? ", " : "", names[i]->data);
	if (unshown)
		strbuf_addf(out, " and %zu more", unshown);
	if (!count)
		strbuf_add_char(out, '?');
}

static void write_rule(const struct learned_rule *rule, struct strbuf *out)
{
	size_t start = out->len;
	strbuf_addf(out, "allow %-7s  %s ", policy_subject_words[rule->subject], rule->pattern->data);
	while (!out->failed && out->len - start < RULE_COLUMNS)
		strbuf_add_char(out, ' ');
	strbuf_addf(out, " %s", user_mark);
	write_users(rule->users, out);
	strbuf_addf(out, "%s\n", rule->veiled ? veil_mark : "");
}

static void write_rules(const struct learning *learning, struct strbuf *out)
{
	for (uint32_t i = 0; i < learning->rule_count; i++)
		write_rule(&learning->rules[i], out);
	strbuf_add(out, learning->withheld.data, learning->withheld.len);
}

static void write_head(struct strbuf *out)
{
	strbuf_add_string(out, "# What a run was seen to need. Learning into this file again makes lines with \"needed by\" anew, and leaves "
			       "all others alone.\n\ndefault deny\ndeny  syscall  ");
	const char *const *group;
	for (size_t i = 0; (group = call_group_at(i)); i++)
		strbuf_addf(out, "%s%s", i ? " " : "", group[0]);
	strbuf_add_string(out, "\n\n");
}

/* The user's lines, and the learned ones where the first of them stood, or behind all. */
static void write_merged(const struct learning *learning, struct strbuf *out)
{
	struct bytes text = learning->learn->text, line;
	bool written = false;
	for (uint32_t number = 1; next_line(&text, &line); number++) {
		bool learned = is_learned_line(learning->learn, line, number);
		if (learned && !written)
			write_rules(learning, out);
		written |= learned;
		if (learned)
			continue;
		strbuf_add(out, line.data, line.len);
		strbuf_add_char(out, '\n');
	}
	if (!written)
		write_rules(learning, out);
}

static void collect(struct learning *learning)
{
	for (unsigned subject = 0; subject <= POLICY_EXEC; subject++) {
		learning->trees[subject] = path_tree_on(&learning->store);
		keep_from_folding(learning, &learning->trees[subject]);
	}
	take_present(learning);
	take_needs(learning);
	path_tree_fold(&learning->trees[POLICY_READ]);
	path_tree_fold(&learning->trees[POLICY_WRITE]);
	path_tree_fold_libraries(&learning->trees[POLICY_EXEC]);
	for (unsigned subject = 0; subject <= POLICY_EXEC; subject++)
		take_branches(learning, (enum policy_subject)subject, &learning->trees[subject].root);
	if (learning->rule_count)
		qsort(learning->rules, learning->rule_count, sizeof *learning->rules, compare_rules);
}

int learn_policy(struct learn *learn, struct strbuf *out)
{
	struct learning learning = { .learn = learn };
	learn->withheld = 0;
	learning.spelling = spelling_of(learn->needs, learn->redactor, &learning.store);
	collect(&learning);
	if (!learn->present || !learn->present->rule_count)
		write_head(out);
	write_merged(&learning, out);
	bool failed = learning.store.failed || learning.withheld.failed || out->failed;
	for (unsigned subject = 0; subject <= POLICY_EXEC; subject++)
		path_tree_free(&learning.trees[subject]);
	spelling_free(&learning.spelling);
	strbuf_free(&learning.withheld);
	store_free(&learning.store);
	return failed ? -ENOMEM : 0;
}
