/* Promises of the policy language: what each rule answers, what is refused and where, and that a decision does not cost
 * more for more rules. Matching is compared with a second matcher that knows nothing of tokens or tables. */
#include "policy/check.h"
#include "policy/rules.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static int checks, failures;

#define CHECK(condition, ...)                                                                      \
	do {                                                                                       \
		checks++;                                                                          \
		if (!(condition)) {                                                                \
			printf("%s:%d: %s: ", __FILE__, __LINE__, #condition);                     \
			printf(__VA_ARGS__);                                                       \
			printf("\n");                                                              \
			failures++;                                                                \
		}                                                                                  \
	} while (0)

#define DIGEST "aB00000000000000000000000000000000000000000000000000000000000001"

enum { RULES_MAX = 16, TEXT_MAX = 64, ROUNDS = 20000 };

static char folder[] = "/tmp/policy-XXXXXX"; /* the working directory of all tests */

static struct bytes b(const char *text)
{
	return bytes_of_string(text);
}

/* Rules one a line, each as a --rule. */
static struct policy *load(const char *lines, char error[512])
{
	char copy[4096], *rest = copy, *line;
	const char *rules[RULES_MAX];
	size_t count = 0;
	snprintf(copy, sizeof copy, "%s", lines);
	while ((line = strsep(&rest, "\n")) && count < RULES_MAX)
		rules[count++] = line;
	*error = '\0';
	return policy_load(NULL, 0, rules, count, error, 512);
}

static struct policy *must_load(const char *lines)
{
	char error[512];
	struct policy *policy = load(lines, error);
	CHECK(policy, "%s", error);
	if (!policy)
		exit(1);
	return policy;
}

/* "deny ENOENT 2" for what the second --rule decided; "allow" where none did. */
static const char *told(const struct policy *policy, struct policy_answer answer)
{
	static char text[64];
	int len = snprintf(text, sizeof text, "%s", policy_verdict_words[answer.verdict]);
	if (answer.verdict == POLICY_DENY)
		len += snprintf(text + len, sizeof text - (size_t)len, " %s", syscall_errno_name(answer.error));
	if (answer.rule != POLICY_NO_RULE)
		snprintf(text + len, sizeof text - (size_t)len, " %s", strchr(policy_rule_name(policy, answer.rule).data, ':') + 1);
	return text;
}

/* One question in the words of --ask, but that the path is not looked up. */
static const char *ask_in(const struct policy *policy, uint32_t domain, const char *question)
{
	char subject[16];
	int at = 0;
	sscanf(question, "%15s %n", subject, &at);
	const char *object = question + at;
	if (strcmp(subject, "syscall") == 0)
		return told(policy, policy_ask_syscall(policy, domain, ABI_X86_64, (uint32_t)syscall_number(ABI_X86_64, object)));
	for (unsigned i = POLICY_READ; i <= POLICY_EXEC; i++)
		if (strcmp(subject, policy_subject_words[i]) == 0)
			return told(policy, policy_ask_path(policy, domain, (enum policy_subject)i, b(object)));
	return "?";
}

static void expect_in(const char *rules, const char *program, const char *question, const char *wanted)
{
	struct policy *policy = must_load(rules);
	const char *got = ask_in(policy, program ? policy_enter(policy, 0, b(program)) : 0, question);
	CHECK(strcmp(got, wanted) == 0, "%s\n%s -> %s, not %s", rules, question, got, wanted);
	policy_free(policy);
}

static void expect(const char *rules, const char *question, const char *wanted)
{
	expect_in(rules, NULL, question, wanted);
}

static void expect_refused(const char *rules, const char *wanted)
{
	char error[512];
	struct policy *policy = load(rules, error);
	CHECK(!policy && strstr(error, wanted) == error, "%s\n-> %s, not %s", rules, policy ? "accepted" : error, wanted);
	policy_free(policy);
}

static void expect_net(const char *rules, int family, const char *address, uint16_t port, const char *wanted)
{
	uint8_t raw[16];
	struct policy *policy = must_load(rules);
	struct policy_endpoint endpoint = { .family = family, .port = port };
	if (family == AF_UNIX) {
		endpoint.abstract = *address == '@';
		endpoint.path = b(address + endpoint.abstract);
	} else if (inet_pton(family, address, raw) == 1) {
		endpoint.address = bytes_of((const char *)raw, family == AF_INET ? 4 : 16);
	}
	const char *got = told(policy, policy_ask_net(policy, 0, &endpoint));
	CHECK(strcmp(got, wanted) == 0, "%s\n%d %s:%u -> %s, not %s", rules, family, address, port, got, wanted);
	policy_free(policy);
}

static void test_the_last_rule_that_matches_decides(void)
{
	static const char rules[] = "deny write /**\nallow write /w/**\ndeny:EACCES write /w/x\nlog write /w/x/y/**\nkill write /w/z";
	expect(rules, "write /etc/passwd", "deny EPERM 1");
	expect(rules, "write /", "deny EPERM 1");
	expect(rules, "write /w", "allow 2");
	expect(rules, "write /w/a/b", "allow 2");
	expect(rules, "write /w/x", "deny EACCES 3");
	expect(rules, "write /w/x/a", "allow 2");
	expect(rules, "write /w/x/y/z/z", "log 4");
	expect(rules, "write /w/z", "kill 5");
	expect(rules, "write /wx", "deny EPERM 1");
	expect(rules, "read /etc/passwd", "allow");
	expect("deny exec /**\nallow exec /a\ndeny exec /a", "exec /a", "deny EPERM 3");
}

static void test_default_is_the_first_rule_wherever_it_stands(void)
{
	expect("allow read /a\ndefault deny read", "read /a", "allow 1");
	expect("allow read /a\ndefault deny read", "read /b", "deny EPERM 2");
	expect("default deny\ndefault allow net", "exec /b", "deny EPERM 1");
	expect("default deny", "syscall read", "allow");
	expect("default deny:ENOSYS syscall\nallow syscall %file", "syscall openat", "allow 2");
	expect("default deny:ENOSYS syscall\nallow syscall %file", "syscall socket", "deny ENOSYS 1");
	expect_net("default deny\ndefault allow net", AF_INET, "1.2.3.4", 1, "allow 2");
}

static void test_a_star_stays_within_a_component_and_two_cross(void)
{
	expect("deny read /a/*/c", "read /a/b/c", "deny EPERM 1");
	expect("deny read /a/*/c", "read /a/b/b/c", "allow");
	expect("deny read /a/**/c", "read /a/c", "deny EPERM 1");
	expect("deny read /a/**/c", "read /a/b/b/c", "deny EPERM 1");
	expect("deny read /a/**/c", "read /a/bc", "allow");
	expect("deny read **/*.pem", "read /x.pem", "deny EPERM 1");
	expect("deny read **/*.pem", "read /a/b/x.pem", "deny EPERM 1");
	expect("deny read **/*.pem", "read /a/x.pem/y", "allow");
	expect("deny read **.pem", "read /a/b.pem", "deny EPERM 1");
	expect("deny read /a*b*c", "read /aXbYbZc", "deny EPERM 1");
	expect("deny read /a*b*c", "read /aXb/Zc", "allow");
	expect("deny read /a**z", "read /a/b/z", "deny EPERM 1");
	expect("deny exec **/nc", "exec /bin/nc", "deny EPERM 1");
	expect("deny exec **/nc", "exec /bin/ncx", "allow");
	expect("deny read /t/**/**", "read /t/x", "deny EPERM 1");
	expect("deny read **/**/x", "read /x", "deny EPERM 1");
	expect("deny read //a///b", "read /a/b", "deny EPERM 1");
}

static void test_a_backslash_takes_the_meaning_away(void)
{
	expect("deny read /a\\*", "read /a*", "deny EPERM 1");
	expect("deny read /a\\*", "read /ab", "allow");
	expect("deny read /a\\ b\\#c\\$d\\\\e", "read /a b#c$d\\e", "deny EPERM 1");
	expect("deny read /a\\x0Ab # /c", "read /a\nb", "deny EPERM 1");
	expect("deny read /a#b # c", "read /a#b", "deny EPERM 1");
}

static void test_variables_are_of_the_environment(void)
{
	char question[PATH_MAX + 16];
	setenv("STARS", "/s/*", 1);
	setenv("SLASH", "/tmp/", 1);
	unsetenv("TMPDIR");
	expect("deny read $STARS/x", "read /s/*/x", "deny EPERM 1");
	expect("deny read $STARS/x", "read /s/a/x", "allow");
	expect("deny read ${SLASH}a", "read /tmpa", "deny EPERM 1");
	expect("deny read $SLASH/a", "read /tmp/a", "deny EPERM 1");
	expect("deny read $TMPDIR/a", "read /tmp/a", "deny EPERM 1");
	setenv("PWD", "/", 1); /* which is a lie */
	snprintf(question, sizeof question, "read %s/a", folder);
	expect("deny read $PWD/a", question, "deny EPERM 1");
	setenv("EMPTY", "", 1);
	expect_refused("deny read $EMPTY/x", "--rule:1:11: variable $EMPTY is empty");
	expect_refused("deny read /a$NOT_SET_AT_ALL", "--rule:1:13: variable $NOT_SET_AT_ALL is not set");
	expect_refused("deny read /a$", "--rule:1:13: '$' is followed by");
	expect_refused("deny read ${HOME", "--rule:1:11: '$' is followed by");
}

static void test_links_at_the_beginning_of_a_pattern_are_followed(void)
{
	char question[PATH_MAX + 16];
	mkdir("real", 0700);
	mkdir("real/sub", 0700);
	CHECK(symlink("real", "link") == 0 && symlink("../made", "real/dangling") == 0, "%s", strerror(errno));
	static const char rules[] = "deny read $PWD/link/**\nkill read $PWD/link/s*/x\nlog write $PWD/link/dangling";
	static const struct {
		const char *subject, *name, *wanted;
	} cases[] = {
		{ "read", "link/new", "deny EPERM 1" },	  { "read", "real/new", "deny EPERM 1" },
		{ "read", "real/sub/x", "kill 2" },	  { "read", "link/sub/x", "kill 2" },
		{ "write", "made", "log 3" },		  { "write", "link/dangling", "log 3" },
		{ "write", "real/dangling", "allow" },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		snprintf(question, sizeof question, "%s %s/%s", cases[i].subject, folder, cases[i].name);
		expect(rules, question, cases[i].wanted);
	}
}

static void test_a_rule_for_a_program_holds_for_what_it_starts(void)
{
	static const char rules[] = "deny exec /bin/sh\nfor /usr/bin/npm allow exec /bin/sh\nfor **/make deny exec /bin/sh";
	expect(rules, "exec /bin/sh", "deny EPERM 1");
	expect_in(rules, "/usr/bin/npm", "exec /bin/sh", "allow 2");
	expect_in(rules, "/opt/make", "exec /bin/sh", "deny EPERM 3");
	struct policy *policy = must_load(rules);
	uint32_t npm = policy_enter(policy, 0, b("/usr/bin/npm"));
	CHECK(policy_enter(policy, npm, b("/bin/ls")) == npm, "left at an exec");
	uint32_t both = policy_enter(policy, npm, b("/opt/make"));
	CHECK(strcmp(ask_in(policy, both, "exec /bin/sh"), "deny EPERM 3") == 0, "the younger block decides");
	policy_free(policy);
}

static void test_addresses(void)
{
	static const char rules[] = "deny net *\nallow net 10.0.0.0/8 [2001:db8::]/32 127.0.0.1:8080\nlog net *:53\ndeny net 10.1.1.1:80";
	expect_net(rules, AF_INET, "8.8.8.8", 80, "deny EPERM 1");
	expect_net(rules, AF_INET, "10.255.0.1", 80, "allow 2");
	expect_net(rules, AF_INET, "11.0.0.1", 80, "deny EPERM 1");
	expect_net(rules, AF_INET6, "::ffff:10.1.2.3", 80, "allow 2");
	expect_net(rules, AF_INET6, "2001:db8:ffff::1", 1, "allow 2");
	expect_net(rules, AF_INET6, "2001:db9::1", 1, "deny EPERM 1");
	expect_net(rules, AF_INET, "127.0.0.1", 8080, "allow 2");
	expect_net(rules, AF_INET, "127.0.0.1", 8081, "deny EPERM 1");
	expect_net(rules, AF_INET6, "2001:db8::1", 53, "log 3");
	expect_net(rules, AF_INET, "10.1.1.1", 80, "deny EPERM 4");
	expect_net(rules, AF_PACKET, "", 0, "deny EPERM 1");
	expect_net(rules, AF_NETLINK, "", 0, "allow");
	expect_net(rules, AF_UNIX, "/run/x", 0, "allow");
	expect_net("deny net [::ffff:1.2.3.4]", AF_INET, "1.2.3.4", 5, "deny EPERM 1");
	expect_net("deny net 0.0.0.0/0", AF_INET6, "::1", 5, "allow");
	expect_net("deny net [::]/0:7", AF_INET6, "::1", 7, "deny EPERM 1");
}

static void test_unix_and_netlink(void)
{
	static const char rules[] = "deny net unix:** unix:@** netlink\nallow net unix:/srv/*.sock unix:@bus unix:@x/*";
	expect_net(rules, AF_UNIX, "/srv/a.sock", 0, "allow 2");
	expect_net(rules, AF_UNIX, "/srv/a/b.sock", 0, "deny EPERM 1");
	expect_net(rules, AF_UNIX, "@bus", 0, "allow 2");
	expect_net(rules, AF_UNIX, "@bus2", 0, "deny EPERM 1");
	expect_net(rules, AF_UNIX, "@x/y", 0, "allow 2");
	expect_net(rules, AF_UNIX, "@x/y/z", 0, "deny EPERM 1");
	expect_net(rules, AF_NETLINK, "", 0, "deny EPERM 1");
	expect_net(rules, AF_INET, "1.2.3.4", 0, "allow");
}

static void test_calls(void)
{
	static const char rules[] = "deny syscall @debug @mount io_uring_setup\nlog syscall %network\nkill syscall /^set.*uid$\nallow syscall 101";
	expect("deny syscall @debug @mount io_uring_setup", "syscall ptrace", "deny EPERM 1");
	expect("deny syscall @debug @mount io_uring_setup", "syscall move_mount", "deny EPERM 1");
	expect("deny syscall @debug\nlog syscall %network", "syscall connect", "log 2");
	expect("deny syscall *", "syscall read", "deny EPERM 1");
	expect_refused(rules, "--rule:3:24: '$' is followed by");
	struct policy *policy = must_load("deny syscall mount@64\nkill syscall umount");
	CHECK(policy_ask_syscall(policy, 0, ABI_I386, 21).verdict == POLICY_ALLOW, "mount@64 is of 64 bits alone");
	CHECK(policy_ask_syscall(policy, 0, ABI_I386, 22).verdict == POLICY_KILL, "a name that i386 alone has");
	CHECK(policy_ask_syscall(policy, 0, ABI_X32, 0x40000000 | 165).verdict == POLICY_DENY, "x32 goes by the name");
	CHECK(policy_concerns_syscall(policy, ABI_X86_64, 165), "mount");
	CHECK(!policy_concerns_syscall(policy, ABI_X86_64, 0), "read");
	policy_free(policy);
	policy = must_load("deny syscall *\nallow syscall read");
	CHECK(policy_ask_syscall(policy, 0, ABI_X86_64, 5000).verdict == POLICY_DENY, "numbers that no table knows");
	CHECK(policy_ask_syscall(policy, 0, ABI_X32, 0x40000000 | 520).verdict == POLICY_DENY, "execve of x32");
	CHECK(!policy_concerns_syscall(policy, ABI_X86_64, 0), "read is allowed whoever calls");
	policy_free(policy);
}

/* A policy learned from a run at level audit can tell of each call of a group whether it was made. */
static bool is_always_recorded(const char *name)
{
	enum event_abi abi = syscall_number(ABI_X86_64, name) >= 0 ? ABI_X86_64 : ABI_I386;
	const struct syscall_desc *desc = syscall_lookup(abi, (uint32_t)syscall_number(abi, name));
	return desc && desc->class == CLASS_K;
}

static void test_each_group_names_known_calls(void)
{
	const char *const *group;
	for (size_t i = 0; (group = call_group_at(i)); i++) {
		const char *name = group[0];
		CHECK(name[0] == '@' && group[1], "%s", name);
		for (group++; *group; group++)
			CHECK(is_always_recorded(*group), "%s: %s", name, *group);
	}
}

static void test_digests_and_paths_decide_together(void)
{
	static const uint8_t digest[32] = { 0xAB, [31] = 0x01 }, other[32] = { 1 };
	struct policy *policy = must_load("deny exec /**\nallow exec sha256:" DIGEST "\nkill exec /bad");
	struct policy_answer by_path = policy_ask_path(policy, 0, POLICY_EXEC, b("/bin/x"));
	CHECK(strcmp(told(policy, by_path), "deny EPERM 1") == 0, "no digest yet");
	CHECK(policy_digest_may_overrule(policy, 0, by_path), "the digest rule is younger");
	CHECK(strcmp(told(policy, policy_ask_digest(policy, 0, b("/bin/x"), digest)), "allow 2") == 0, "known content");
	CHECK(strcmp(told(policy, policy_ask_digest(policy, 0, b("/bin/x"), other)), "deny EPERM 1") == 0, "other content");
	CHECK(strcmp(told(policy, policy_ask_digest(policy, 0, b("/bad"), digest)), "kill 3") == 0, "a younger path rule");
	CHECK(!policy_digest_may_overrule(policy, 0, policy_ask_path(policy, 0, POLICY_EXEC, b("/bad"))), "it is older");
	CHECK(policy_has_digests(policy), "it has");
	policy_free(policy);
}

static void test_what_a_policy_concerns(void)
{
	struct policy *policy = must_load("deny write /a\nfor /x log exec /b\nallow net *\ndefault deny read\ndefault allow read");
	CHECK(policy_concerns(policy, POLICY_WRITE) && policy_concerns(policy, POLICY_EXEC), "rules other than allow");
	CHECK(!policy_concerns(policy, POLICY_NET) && !policy_concerns(policy, POLICY_READ), "allow alone");
	CHECK(!policy_has_digests(policy), "none");
	policy_free(policy);
}

static void expect_move(const char *rules, const char *from, const char *to, const char *wanted)
{
	struct policy *policy = must_load(rules);
	struct policy_answer answer = to ? policy_ask_move(policy, 0, b(from), b(to)) : policy_ask_below(policy, 0, b(from));
	CHECK(strcmp(told(policy, answer), wanted) == 0, "%s\n%s -> %s: %s, not %s", rules, from, to ? to : "?", told(policy, answer),
	      wanted);
	policy_free(policy);
}

static void test_a_directory_does_not_take_its_files_out_of_their_rules(void)
{
	expect_move("deny read /h/.ssh/**", "/h", NULL, "deny EPERM 1");
	expect_move("deny read /h/.ssh/**", "/h/x", NULL, "allow");
	expect_move("deny read /h/.ssh/key", "/h/.ssh", "/t", "deny EPERM 1");
	expect_move("deny read /h/*/key", "/h/me", NULL, "deny EPERM 1");
	expect_move("deny read **/*.pem", "/h/me", NULL, "allow");
	expect_move("deny write /**\nallow write /w/**", "/w/a", "/w/b", "allow");
	expect_move("deny write /**\nallow write /w/**\ndeny write /w/.git/**", "/w", "/v", "deny EPERM 3");
	expect_move("deny write /w/a/**\nallow write /w/**", "/w", "/v", "allow");
	expect_move("deny read /h/**/*.pem", "/h/a", "/h/b", "allow");
	expect_move("deny read /h/**/*.pem", "/h/a", "/t", "deny EPERM 1");
	expect_move("deny read **/*.pem\nallow read /t/**", "/h/a", "/t/b", "deny EPERM 1");
	expect_move("default deny read\nallow read /a /t/**", "/a", "/t/a", "deny EPERM 1");
	expect_move("deny exec /a/x\nkill exec /a/y", "/a", "/b", "kill 2");
	expect_move("for /p deny read /a/x", "/a", "/b", "allow");
}

static void test_what_cannot_be_read_is_refused_with_its_place(void)
{
	static const char *const cases[][2] = {
		{ "alow read /a", "--rule:1:1: unknown verdict 'alow' (did you mean 'allow'?)" },
		{ "deny reed /a", "--rule:1:6: unknown subject 'reed' (did you mean 'read'?)" },
		{ "deny:ENOENTT read /a", "--rule:1:6: unknown error 'ENOENTT' (did you mean 'ENOENT'?)" },
		{ "deny read", "--rule:1:10: a pattern is missing" },
		{ "deny", "--rule:1:5: the subject" },
		{ "", "--rule:1:1: no rule" },
		{ "# deny", "--rule:1:1: no rule" },
		{ "allow read /a\ndeny read a", "--rule:2:11: 'a' can never match" },
		{ "deny read *", "--rule:1:11: '*' can never match" },
		{ "deny read /a/", "--rule:1:11: '/a/' can never match" },
		{ "deny read /a/**/", "--rule:1:11: '/a/**/' can never match" },
		{ "deny read /a/../b", "--rule:1:11: '/a/../b' can never match" },
		{ "deny read /./b", "--rule:1:11: '/./b' can never match" },
		{ "deny read /a\\x00b", "--rule:1:11: '/a\\x00b' can never match" },
		{ "deny read /a***", "--rule:1:13: more than two '*'" },
		{ "deny read /a\\q", "--rule:1:13: a backslash" },
		{ "deny read /a\\", "--rule:1:13: a backslash" },
		{ "deny syscall opnat", "--rule:1:14: unknown system call 'opnat' (did you mean 'openat'?)" },
		{ "deny syscall none", "--rule:1:14: 'none' can never match" },
		{ "deny syscall @mout", "--rule:1:14: unknown group of system calls '@mout' (did you mean '@mount'?)" },
		{ "deny syscall io_uring_*", "--rule:1:14: unknown system call 'io_uring_*'" },
		{ "deny net registry.example.org:443", "--rule:1:10: 'registry.example.org:443' is a host name" },
		{ "deny net *.example.org", "--rule:1:10: '*.example.org' is a host name" },
		{ "deny net localhost", "--rule:1:10: 'localhost' is a host name" },
		{ "deny net 10.1", "--rule:1:10: '10.1' is no address" },
		{ "deny net 1.2.3.4:", "--rule:1:10: '1.2.3.4:' has no port" },
		{ "deny net 1.2.3.4:65536", "--rule:1:10: '1.2.3.4:65536' has no port" },
		{ "deny net 1.2.3.4/33", "--rule:1:10: '1.2.3.4/33' has no number of bits" },
		{ "deny net 10.1.2.3/8", "--rule:1:10: '10.1.2.3/8' can never match as it stands: the address has bits behind the mask; the "
				       "network is 10.0.0.0/8" },
		{ "deny net ::1", "--rule:1:10: '::1' lacks the brackets" },
		{ "deny net [1.2.3.4]", "--rule:1:10: '[1.2.3.4]' has brackets" },
		{ "deny net [::1", "--rule:1:10: '[::1' is no address" },
		{ "deny net [::1]x", "--rule:1:10: '[::1]x' is a host name" },
		{ "deny net unix:run", "--rule:1:10: 'unix:run' can never match" },
		{ "deny exec sha256:12", "--rule:1:11: a SHA-256 has 64 hexadecimal digits, not 2" },
		{ "deny exec sha256:zB00000000000000000000000000000000000000000000000000000000000001",
		  "--rule:1:18: 'z' is no hexadecimal digit" },
		{ "default", "--rule:1:8: the verdict of 'default' is missing" },
		{ "default deny read x", "--rule:1:19: 'x' is too much" },
		{ "for", "--rule:1:4: the program of 'for' is missing" },
		{ "for /p", "--rule:1:7: the rule of 'for' is missing" },
		{ "for p deny read /a", "--rule:1:5: 'p' can never match" },
		{ "for /p default deny", "--rule:1:8: 'default' is for all programs" },
		{ "for /p for /q deny read /a", "--rule:1:8: 'for' is followed by" },
		{ "for /p deny read /a\nfor /p allow read /b /a", "--rule:2:22: contradicts --rule:1: 'for /p deny read /a'" },
		{ "include x", "--rule:1:1: 'include' is for files" },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		expect_refused(cases[i][0], cases[i][1]);
	struct policy *policy = must_load("for /p deny read /a\nfor /q allow read /a\nallow read /a");
	policy_free(policy);
}

static void write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");
	if (!file || fputs(text, file) < 0 || fclose(file))
		exit(1);
}

static void expect_file_refused(const char *text, const char *wanted)
{
	char error[512] = "";
	const char *files[] = { "main.policy" };
	write_file(files[0], text);
	struct policy *policy = policy_load(files, 1, NULL, 0, error, sizeof error);
	CHECK(!policy && strcmp(error, wanted) == 0, "%s -> %s, not %s", text, error, wanted);
	policy_free(policy);
}

static void test_included_files_stand_where_they_are_named(void)
{
	char error[512] = "";
	const char *files[] = { "main.policy" }, *rules[] = { "kill read /c" };
	mkdir("sub", 0700);
	write_file("sub/one.policy", "deny read /b /c # comment\r\ninclude two.policy");
	write_file("sub/two.policy", "\n\nlog read /d\n");
	write_file("main.policy", "deny read /a\ninclude sub/one.policy\nallow read /b\n");
	struct policy *policy = policy_load(files, 1, rules, 1, error, sizeof error);
	static const char *const cases[][3] = {
		{ "/a", "deny", "main.policy:1" }, { "/b", "allow", "main.policy:3" },
		{ "/c", "kill", "--rule:1" },	   { "/d", "log", "sub/two.policy:3" },
	};
	CHECK(policy, "%s", error);
	for (size_t i = 0; policy && i < sizeof cases / sizeof *cases; i++) {
		struct policy_answer answer = policy_ask_path(policy, 0, POLICY_READ, b(cases[i][0]));
		CHECK(strcmp(policy_verdict_words[answer.verdict], cases[i][1]) == 0, "%s", cases[i][0]);
		CHECK(strcmp(policy_rule_name(policy, answer.rule).data, cases[i][2]) == 0, "%s", cases[i][0]);
	}
	CHECK(policy && strcmp(policy_rule_text(policy, 1).data, "deny read /b /c") == 0, "without its comment");
	policy_free(policy);
	expect_file_refused("include main.policy", "main.policy:1:9: 'main.policy' includes itself");
	expect_file_refused("\n include nope", "main.policy:2:10: 'nope': No such file or directory");
	expect_file_refused("include sub/*.policy", "main.policy:1:9: 'include' takes the name of one file");
	write_file("sub/two.policy", "\n deny read b");
	expect_file_refused("include sub/two.policy", "sub/two.policy:2:12: 'b' can never match: paths are judged whole, so it has to "
						      "begin with '/', '**' or a variable like $PWD");
}

/* A second opinion: straight from the words "within a component", "across", and the two places where a pair of
 * stars with its slashes may be nothing. */
static bool matches_by_rule(const char *pattern, const char *text)
{
	if (!*pattern)
		return !*text;
	if (strcmp(pattern, "/**") == 0)
		return !*text || *text == '/';
	if (strncmp(pattern, "/**/", 4) == 0) {
		for (const char *at = text; *text == '/' || !*text; at++) {
			if ((*at == '/' || !*at) && matches_by_rule(pattern + 3, at))
				return true;
			if (!*at)
				return false;
		}
		return false;
	}
	bool across = strncmp(pattern, "**", 2) == 0;
	if (*pattern != '*')
		return *pattern == *text && matches_by_rule(pattern + 1, text + 1);
	for (const char *at = text;; at++) {
		if (matches_by_rule(pattern + 1 + across, at))
			return true;
		if (!*at || (!across && *at == '/'))
			return false;
	}
}

/* Few letters, so that much matches. */
static void random_path(char *text, bool pattern)
{
	size_t components = 1 + (size_t)(rand() % 4), len = 0;
	static const char *const pieces[] = { "a", "b", "ab", "*", "**", "a*", "*b", "a**b", "*a*", "**" };
	while (components--) {
		const char *piece = pieces[rand() % (pattern ? 10 : 3)];
		len += (size_t)sprintf(text + len, "/%s", piece);
	}
}

static struct path_pattern parse_pattern(const char *text, struct store *store)
{
	char error[256];
	struct fault fault = { .text = error, .size = sizeof error, .file = "" };
	struct word word = { b(text), 1 };
	struct tokens tokens = { 0 };
	struct path_pattern pattern = { 0 };
	if (word_expand(&word, &tokens, &fault) < 0 || path_pattern_make(&pattern, &tokens, 0, &word, store, &fault) < 0)
		CHECK(false, "%s: %s", text, error);
	tokens_free(&tokens);
	return pattern;
}

static void test_matching_agrees_with_a_second_matcher(void)
{
	struct store store = { 0 };
	unsigned matched = 0;
	for (unsigned i = 0; i < ROUNDS; i++) {
		char pattern[TEXT_MAX], text[TEXT_MAX];
		random_path(pattern, true);
		random_path(text, false);
		struct path_pattern parsed = parse_pattern(pattern, &store);
		bool by_rule = matches_by_rule(pattern, text);
		matched += by_rule;
		CHECK(glob_matches(&parsed.written, b(text)) == by_rule, "%s on %s: %d by rule", pattern, text, by_rule);
	}
	CHECK(matched > ROUNDS / 20 && matched < ROUNDS / 2, "%u of %u match", matched, ROUNDS);
	store_free(&store);
}

static void test_what_is_covered_matches_nothing_else(void)
{
	struct store store = { 0 };
	unsigned covered = 0;
	for (unsigned i = 0; i < ROUNDS; i++) {
		char wide[TEXT_MAX], narrow[TEXT_MAX], text[TEXT_MAX];
		random_path(wide, true);
		random_path(narrow, true);
		struct path_pattern w = parse_pattern(wide, &store), n = parse_pattern(narrow, &store);
		CHECK(glob_covers(&w.written, &w.written), "%s covers itself", wide);
		if (!glob_covers(&w.written, &n.written))
			continue;
		covered++;
		for (unsigned j = 0; j < 40; j++) {
			random_path(text, false);
			CHECK(!matches_by_rule(narrow, text) || matches_by_rule(wide, text), "%s, %s, %s", wide, narrow, text);
		}
	}
	CHECK(covered > ROUNDS / 50, "%u of %u cover", covered, ROUNDS);
	store_free(&store);
}

static void test_what_moves_along_is_matched_at_both_places(void)
{
	struct store store = { 0 };
	unsigned along = 0;
	for (unsigned i = 0; i < ROUNDS; i++) {
		char pattern[TEXT_MAX], from[TEXT_MAX], to[TEXT_MAX], below[TEXT_MAX], old[2 * TEXT_MAX], new[2 * TEXT_MAX];
		random_path(pattern, true);
		random_path(from, false);
		random_path(to, false);
		random_path(below, false);
		struct path_pattern parsed = parse_pattern(pattern, &store);
		snprintf(old, sizeof old, "%s%s", from, below);
		snprintf(new, sizeof new, "%s%s", to, below);
		bool matches = matches_by_rule(pattern, old), moves = glob_moves_along(&parsed.written, b(from), b(to));
		along += moves && matches;
		CHECK(!matches || glob_reaches_below(&parsed.written, b(from)), "%s reaches below %s: %s", pattern, from, old);
		CHECK(!(matches && moves) || matches_by_rule(pattern, new), "%s: %s -> %s", pattern, old, new);
	}
	CHECK(along > 100, "%u moved along", along);
	store_free(&store);
}

static void test_decisions_agree_with_the_rules_read_one_by_one(void)
{
	for (unsigned i = 0; i < 2000; i++) {
		char patterns[RULES_MAX][TEXT_MAX], text[TEXT_MAX], lines[2048] = "";
		size_t len = 0;
		for (unsigned j = 0; j < RULES_MAX; j++) {
			random_path(patterns[j], j % 2 == 0);
			len += (size_t)snprintf(lines + len, sizeof lines - len, "%s%s read %s", j ? "\n" : "", j % 3 ? "deny" : "allow",
						patterns[j]);
		}
		struct policy *policy = must_load(lines);
		random_path(text, false);
		unsigned decides = RULES_MAX;
		while (decides && !matches_by_rule(patterns[decides - 1], text))
			decides--;
		struct policy_answer answer = policy_ask_path(policy, 0, POLICY_READ, b(text));
		CHECK(answer.rule == (decides ? decides - 1 : POLICY_NO_RULE), "%s\n%s: %u, not %u", lines, text, answer.rule, decides);
		policy_free(policy);
	}
}

static struct policy *load_many(unsigned count)
{
	char error[512];
	const char *files[] = { "many.policy" };
	FILE *file = fopen(files[0], "w");
	for (unsigned i = 0; file && i < count; i++)
		fprintf(file, "deny read /d/x%u/y /d/t%u/**\nallow net 10.%u.%u.0/24 1.2.%u.%u:80\n", i, i, i / 256, i % 256, i / 256,
			i % 256);
	if (!file || fclose(file))
		exit(1);
	struct policy *policy = policy_load(files, 1, NULL, 0, error, sizeof error);
	CHECK(policy, "%s", error);
	return policy;
}

/* Of a path, then of an address. */
static void count_steps(const struct policy *policy, uint32_t steps[2])
{
	struct search path = { .domain = 0 }, net = { .domain = 0 };
	struct policy_endpoint endpoint = { .family = AF_INET, .address = bytes_of("\x0a\x00\x01\x07", 4), .port = 80 };
	path_index_search(&policy->paths[POLICY_READ], b("/d/t1/a/b/c"), &path);
	net_index_search(&policy->net, &endpoint, &net);
	CHECK(path.found && net.found, "both are named by rules");
	steps[0] = path.steps;
	steps[1] = net.steps;
}

static void test_a_decision_takes_no_more_steps_for_more_rules(void)
{
	uint32_t few[2], many[2];
	struct policy *small = load_many(10), *large = load_many(20000);
	count_steps(small, few);
	count_steps(large, many);
	CHECK(few[0] == many[0] && few[1] == many[1], "%u and %u steps, %u and %u", few[0], few[1], many[0], many[1]);
	CHECK(few[0] < 20 && few[1] < 20, "%u and %u steps", few[0], few[1]);
	policy_free(small);
	policy_free(large);
}

/* What --check prints, -1: refused. */
static int checked(const char *text, const char *question, char *out, size_t size)
{
	const char *file = "checked.policy";
	struct check check = { .files = &file, .file_count = 1, .questions = &question, .question_count = question != NULL };
	write_file(file, text);
	FILE *stream = fmemopen(out, size, "w");
	if (!stream)
		exit(1);
	int status = check_run(&check, stream);
	fclose(stream);
	return status;
}

static void expect_checked(const char *text, const char *question, const char *wanted)
{
	char out[4096] = "";
	int status = checked(text, question, out, sizeof out);
	CHECK(status == 0 && strstr(out, wanted), "%s\n-> %s, without %s", text, out, wanted);
}

static void test_check_names_rules_that_never_decide(void)
{
	char out[4096] = "";
	expect_checked("deny write /a\n", NULL, "checked.policy: well-formed\n1 rules, 1 patterns\n");
	expect_checked("deny write /b /a/x\nallow write /a/**\n", NULL,
		       "checked.policy:1:15: never decides: checked.policy:2 stands later and matches all of it: allow write /a/**\n");
	expect_checked("for /p deny net 10.0.0.1\nallow net 10.0.0.0/8\n", NULL, "checked.policy:1:17: never decides");
	expect_checked("deny syscall ptrace\nallow syscall @debug\n", NULL, "checked.policy:1:14: never decides");
	expect_checked("default deny\ndefault allow\n", NULL, "checked.policy:1: never decides");
	expect_checked("for /p allow net *\ndeny exec /p\n", NULL, "for /p: holds for no process: checked.policy:2");
	expect_checked("allow exec sha256:" DIGEST "\ndeny exec **\n", NULL, "checked.policy:1:12: never decides");
	checked("allow exec sha256:" DIGEST "\ndeny exec /bin/**\ndeny write /a\nallow write /b\nfor /p allow write /a\ndeny exec /q\nfor /p allow exec /q\nfor /q deny net *\n", NULL, out,
		sizeof out);
	CHECK(!strstr(out, "never") && !strstr(out, "no process"), "%s", out);
}

static void test_check_answers_questions(void)
{
	static const char policy[] = "deny write /etc/**\nfor /usr/bin/npm allow net 10.1.2.3:443\ndeny:ENOSYS syscall %clock\ndeny net *:443\n";
	expect_checked(policy, "write /etc/nothing-here", "write /etc/nothing-here: deny EPERM, by checked.policy:1: deny write /etc/**\n");
	expect_checked(policy, "write /tmp/nothing-here", ": allow, by no rule\n");
	expect_checked(policy, "syscall clock_gettime", ": deny ENOSYS, by checked.policy:3");
	expect_checked(policy, "net 10.1.2.3:443", ": deny EPERM, by checked.policy:4");
	expect_checked("deny net *\nfor /a/npm allow net 10.1.2.3:443", "for /a/npm net 10.1.2.3:443", ": allow, by checked.policy:2");
}

int main(void)
{
	if (!mkdtemp(folder) || chdir(folder) < 0 || !realpath(folder, (char[PATH_MAX]){ 0 }))
		return 1;
	srand(1);
	test_the_last_rule_that_matches_decides();
	test_default_is_the_first_rule_wherever_it_stands();
	test_a_star_stays_within_a_component_and_two_cross();
	test_a_backslash_takes_the_meaning_away();
	test_variables_are_of_the_environment();
	test_links_at_the_beginning_of_a_pattern_are_followed();
	test_a_rule_for_a_program_holds_for_what_it_starts();
	test_addresses();
	test_unix_and_netlink();
	test_calls();
	test_each_group_names_known_calls();
	test_digests_and_paths_decide_together();
	test_what_a_policy_concerns();
	test_a_directory_does_not_take_its_files_out_of_their_rules();
	test_what_cannot_be_read_is_refused_with_its_place();
	test_included_files_stand_where_they_are_named();
	test_matching_agrees_with_a_second_matcher();
	test_what_is_covered_matches_nothing_else();
	test_what_moves_along_is_matched_at_both_places();
	test_decisions_agree_with_the_rules_read_one_by_one();
	test_a_decision_takes_no_more_steps_for_more_rules();
	test_check_names_rules_that_never_decide();
	test_check_answers_questions();
	if (failures) {
		printf("%d of %d checks failed\n", failures, checks);
		return 1;
	}
	printf("ok %d\n", checks);
	return 0;
}
