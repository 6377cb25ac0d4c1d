/* Any text whatever is a policy or is refused with a place, without a crash or an over-read; what was read answers any
 * question, and the rule that it names is there. The input: rules, one a line (up to a NUL), then what is asked about. */
#include "policy/rules.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { RULES_MAX = 32 };

/* A regular expression may take the C library any time and memory. */
static bool is_slow(const char *line)
{
	const char *call = strstr(line, "syscall");
	return call && strchr(call, '/');
}

static size_t split(char *text, const char *rules[RULES_MAX])
{
	size_t count = 0;
	char *line;
	while ((line = strsep(&text, "\n")) && count < RULES_MAX)
		if (!is_slow(line))
			rules[count++] = line;
	return count;
}

static void check(const struct policy *policy, struct policy_answer answer)
{
	bool built_in = answer.rule == POLICY_NO_RULE;
	if ((built_in && answer.verdict != POLICY_ALLOW) || (!built_in && answer.rule >= policy_rule_count(policy)))
		abort();
	if ((answer.verdict == POLICY_DENY) != (answer.error > 0))
		abort();
}

/* A path, a name, an address and a number made of the same bytes. */
static void ask(const struct policy *policy, struct bytes object)
{
	uint32_t domain = policy_enter(policy, 0, object), number = 0;
	for (unsigned subject = POLICY_READ; subject <= POLICY_EXEC; subject++)
		check(policy, policy_ask_path(policy, domain, (enum policy_subject)subject, object));
	struct policy_endpoint endpoint = { .family = AF_UNIX, .path = object };
	check(policy, policy_ask_net(policy, domain, &endpoint));
	endpoint.abstract = true;
	check(policy, policy_ask_net(policy, domain, &endpoint));
	for (size_t len = 4; len <= 16 && len <= object.len; len += 12) {
		struct policy_endpoint internet = { .family = len == 4 ? AF_INET : AF_INET6, .address = bytes_of(object.data, len), .port = 80 };
		check(policy, policy_ask_net(policy, domain, &internet));
	}
	memcpy(&number, object.data, object.len < sizeof number ? object.len : sizeof number);
	check(policy, policy_ask_syscall(policy, domain, (enum event_abi)(number % 4), number / 4 % 600));
	check(policy, policy_ask_below(policy, domain, object));
	check(policy, policy_ask_move(policy, domain, object, bytes_of(object.data, object.len / 2)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *rules[RULES_MAX];
	char error[512] = "";
	size_t text_len = strnlen((const char *)data, size);
	char *text = strndup((const char *)data, text_len);
	struct bytes object = bytes_of((const char *)data + text_len, size - text_len);
	if (!text)
		return 0;
	struct policy *policy = policy_load(NULL, 0, rules, split(text, rules), error, sizeof error);
	if (!policy && strncmp(error, "--rule:", 7) != 0)
		abort();
	if (policy)
		ask(policy, object.len ? bytes_of(object.data + 1, object.len - 1) : object);
	policy_free(policy);
	free(text);
	return 0;
}
