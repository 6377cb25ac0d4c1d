/* Secrets never reach a report, and nothing else is touched. */
#include "redact.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int failures;

#define CHECK(condition)                                                                           \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);            \
			failures++;                                                                \
		}                                                                                  \
	} while (0)

#define VECTOR(text) bytes_of(text, sizeof(text) - 1)

static struct redactor *knowing(struct bytes environment)
{
	struct redactor *redactor = redactor_create();
	if (!redactor || redactor_learn(redactor, environment) < 0)
		abort();
	return redactor;
}

static bool masks_to(const struct redactor *redactor, struct bytes text, struct bytes expected)
{
	char *owned;
	struct bytes masked = redactor_mask(redactor, text, &owned);
	bool equal = bytes_equal(masked, expected);
	bool kept = masked.data == text.data;
	bool consistent = kept == !owned && kept == !redactor_matches(redactor, text);
	free(owned);
	return equal && consistent;
}

static bool environment_masks_to(const struct redactor *redactor, struct bytes environment,
				 struct bytes expected)
{
	char *owned;
	struct bytes masked = redactor_mask_environment(redactor, environment, &owned);
	bool equal = bytes_equal(masked, expected);
	free(owned);
	return equal;
}

static void test_values_of_secret_names_are_masked_everywhere(void)
{
	struct redactor *redactor = knowing(VECTOR("HOME=/root\0github_token=hunter2hunter2\0"
						   "DB_PASSWORD=correct horse\0X_KEY=keykeykey\0"
						   "mySecretThing=swordfish9\0"));
	CHECK(masks_to(redactor, VECTOR("curl -H hunter2hunter2 x"), VECTOR("curl -H *** x")));
	CHECK(masks_to(redactor, VECTOR("hunter2hunter2"), VECTOR("***")));
	CHECK(masks_to(redactor, VECTOR("correct horse,keykeykey\0swordfish9"),
		       VECTOR("***,***\0***")));
	CHECK(masks_to(redactor, VECTOR("hunter2hunter"), VECTOR("hunter2hunter")));
	CHECK(masks_to(redactor, VECTOR("Hunter2hunter2"), VECTOR("Hunter2hunter2")));
	CHECK(masks_to(redactor, VECTOR("/root"), VECTOR("/root")));
	CHECK(masks_to(redactor, VECTOR(""), VECTOR("")));
	CHECK(masks_to(redactor, bytes_of(NULL, 0), bytes_of(NULL, 0)));
	redactor_destroy(redactor);
}

static void test_short_values_and_paths_are_masked_in_the_environment_only(void)
{
	struct bytes environment = VECTOR("A_TOKEN=1234567\0SSH_KEY=/etc/passwd\0B_KEY=12345678\0");
	struct redactor *redactor = knowing(environment);
	CHECK(masks_to(redactor, VECTOR("1234567"), VECTOR("1234567")));
	CHECK(masks_to(redactor, VECTOR("/etc/passwd"), VECTOR("/etc/passwd")));
	CHECK(masks_to(redactor, VECTOR("12345678"), VECTOR("***")));
	CHECK(environment_masks_to(redactor, environment,
				   VECTOR("A_TOKEN=***\0SSH_KEY=***\0B_KEY=***\0")));
	redactor_destroy(redactor);
}

static void test_environment_keeps_what_is_not_secret(void)
{
	struct redactor *redactor = knowing(VECTOR("API_TOKEN=abcdefghij\0"));
	struct bytes clean = VECTOR("HOME=/root\0EMPTY_TOKEN=\0NOEQUALS\0=x\0");
	char *owned;
	struct bytes same = redactor_mask_environment(redactor, clean, &owned);
	CHECK(same.data == clean.data && same.len == clean.len && !owned);
	CHECK(environment_masks_to(redactor,
				   VECTOR("URL=http://abcdefghij@x\0OTHER_TOKEN=new\0A=b"),
				   VECTOR("URL=http://***@x\0OTHER_TOKEN=***\0A=b\0")));
	redactor_destroy(redactor);
}

static void test_overlapping_secrets_leave_no_remainder(void)
{
	struct redactor *redactor =
		knowing(VECTOR("A_KEY=aaaabbbbcccc\0B_KEY=bbbbccccdddd\0C_KEY=aaaabbbb\0"));
	CHECK(masks_to(redactor, VECTOR("<aaaabbbbccccdddd>"), VECTOR("<***>")));
	CHECK(masks_to(redactor, VECTOR("<aaaabbbbcccc>"), VECTOR("<***>")));
	CHECK(masks_to(redactor, VECTOR("<aaaabbbbccc>"), VECTOR("<***ccc>")));
	CHECK(masks_to(redactor, VECTOR("aaaabbbbaaaabbbb"), VECTOR("******")));
	redactor_destroy(redactor);
}

static void test_patterns_can_be_added(void)
{
	struct redactor *redactor = redactor_create();
	CHECK(redactor_add_pattern(redactor, "corp_?_*id") == 0);
	CHECK(redactor_learn(redactor, VECTOR("CORP_1_userID=abcdefgh\0CORP_12_ID=ijklmnop\0")) ==
	      0);
	CHECK(masks_to(redactor, VECTOR("abcdefgh ijklmnop"), VECTOR("*** ijklmnop")));
	redactor_destroy(redactor);
}

static void test_without_a_redactor_nothing_changes(void)
{
	CHECK(masks_to(NULL, VECTOR("hunter2hunter2"), VECTOR("hunter2hunter2")));
	CHECK(environment_masks_to(NULL, VECTOR("A_KEY=abcdefgh\0"), VECTOR("A_KEY=abcdefgh\0")));
}

static void test_hundreds_of_secrets_are_all_found(void)
{
	struct redactor *redactor = redactor_create();
	char text[64];
	for (int i = 0; i < 500; i++) {
		snprintf(text, sizeof(text), "N%d_SECRET=prefix00-%d-end", i, i);
		CHECK(redactor_learn(redactor, bytes_of_string(text)) == 0);
		CHECK(redactor_learn(redactor, bytes_of_string(text)) == 0);
	}
	for (int i = 0; i < 500; i++) {
		snprintf(text, sizeof(text), "x prefix00-%d-end y", i);
		CHECK(masks_to(redactor, bytes_of_string(text), VECTOR("x *** y")));
	}
	CHECK(masks_to(redactor, VECTOR("prefix00-500-end"), VECTOR("prefix00-500-end")));
	redactor_destroy(redactor);
}

static void test_a_glob_of_many_stars_ends(void)
{
	struct redactor *redactor = redactor_create();
	char variable[4097];
	memset(variable, 'a', 4096);
	variable[4000] = '=';
	variable[4096] = '\0';
	CHECK(redactor_add_pattern(redactor, "*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b") == 0);
	CHECK(redactor_learn(redactor, bytes_of_string(variable)) == 0);
	CHECK(!redactor_matches(redactor, bytes_of_string(variable)));
	redactor_destroy(redactor);
}

static void test_a_secret_cut_off_leaves_no_beginning(void)
{
	struct redactor *redactor = knowing(VECTOR("TOKEN=hunter2hunter2\0"));
	CHECK(bytes_equal(redactor_drop_begun(redactor, VECTOR("Bearer hunter2hun")), VECTOR("Bearer ")));
	CHECK(bytes_equal(redactor_drop_begun(redactor, VECTOR("Bearer hunt")), VECTOR("Bearer ")));
	CHECK(bytes_equal(redactor_drop_begun(redactor, VECTOR("Bearer hunt er")), VECTOR("Bearer hunt er")));
	CHECK(bytes_equal(redactor_drop_begun(NULL, VECTOR("hunter2")), VECTOR("hunter2")));
	redactor_destroy(redactor);
}

static void in_a_child(struct redactor *redactor, void (*act)(struct redactor *))
{
	pid_t child = fork();
	if (child == 0) {
		act(redactor);
		_exit(0);
	}
	CHECK(child > 0 && waitpid(child, NULL, 0) == child);
	redactor_catch_up(redactor);
}

static void learn_two(struct redactor *redactor)
{
	redactor_learn(redactor, VECTOR("A_KEY=of the child\0B_KEY=/dev/null\0"));
	redactor_learn(redactor, VECTOR("B_TOKEN=another one\0C_TOKEN=of the parent"));
}

static void learn_too_much(struct redactor *redactor)
{
	size_t size = 2 << 20;
	char *huge = malloc(size);
	memset(huge, 'x', size);
	memcpy(huge, "KEY_TOKEN=", 10);
	redactor_learn(redactor, bytes_of(huge, size));
	free(huge);
}

static void test_what_a_child_learns_its_parent_can_learn(void)
{
	struct redactor *redactor = knowing(VECTOR("A_TOKEN=of the parent\0"));
	CHECK(redactor_share(redactor) == 0);
	in_a_child(redactor, learn_two);
	CHECK(masks_to(redactor, VECTOR("of the child, of the parent, another one, /dev/null"), VECTOR("***, ***, ***, /dev/null")));
	CHECK(redactor_known(redactor) == 3 && !redactor_is_blind(redactor));
	in_a_child(redactor, learn_too_much);
	CHECK(redactor_is_blind(redactor) && redactor_matches(redactor, VECTOR("any")));
	redactor_destroy(redactor);
}

int main(void)
{
	test_what_a_child_learns_its_parent_can_learn();
	test_a_secret_cut_off_leaves_no_beginning();
	test_values_of_secret_names_are_masked_everywhere();
	test_short_values_and_paths_are_masked_in_the_environment_only();
	test_environment_keeps_what_is_not_secret();
	test_overlapping_secrets_leave_no_remainder();
	test_patterns_can_be_added();
	test_without_a_redactor_nothing_changes();
	test_hundreds_of_secrets_are_all_found();
	test_a_glob_of_many_stars_ends();
	return failures != 0;
}
