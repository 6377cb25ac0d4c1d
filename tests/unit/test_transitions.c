/* Promises of the tracee state machine: each cell of its table acts or is empty for a reason that stands
 * here, README shows the table as the code has it, and each wait status has one meaning.
 *
 *   test_transitions [--print]    with --print: the table as README has it, nothing is tested */
#include "check.h"
#include "stop.h"
#include "transitions.h"

#include <ctype.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Empty on purpose: a task that PTRACE_SEIZE's options attached begins with an event-stop, a group-stop
 * or its death, and stays there while it is unborn; one that is held for a helper, or a tracer in the tree, is stopped already,
 * so only what needs no running happens to it: a fatal signal, or another thread's exec. One that is pinning
 * is seen at the entry of each call, and makes none that bears a task. */
static bool is_meant_to_be_empty(enum tracee_state state, enum stop_kind kind)
{
	if (state == TRACEE_UNBORN)
		return kind != STOP_EVENT && kind != STOP_GROUP && kind != STOP_ENDED;
	if (state == TRACEE_GATHERING || state == TRACEE_LENT || state == TRACEE_AWAITING)
		return kind != STOP_EXEC && kind != STOP_ENDED;
	return state == TRACEE_PINNING && kind == STOP_BIRTH;
}

static void test_each_cell_acts_or_is_empty_on_purpose(void)
{
	for (enum tracee_state state = 0; state < TRACEE_STATES; state++)
		for (enum stop_kind kind = 0; kind < STOP_KINDS; kind++)
			CHECK(!transitions_cell(state, kind) == is_meant_to_be_empty(state, kind), "%s x %s",
			      tracee_state_name(state), stop_kind_name(kind));
}

static bool is_a_state(const char *name)
{
	bool found = false;
	for (enum tracee_state state = 0; state < TRACEE_STATES; state++)
		found = found || strcasecmp(tracee_state_name(state), name) == 0;
	return found;
}

static void test_each_cell_names_its_action_and_the_next_state(void)
{
	for (enum tracee_state state = 0; state < TRACEE_STATES; state++) {
		for (enum stop_kind kind = 0; kind < STOP_KINDS; kind++) {
			const char *cell = transitions_cell(state, kind);
			const char *next = cell ? strstr(cell, " -> ") : NULL;
			CHECK(!cell || (strncmp(cell, "act_", 4) == 0 && next && is_a_state(next + 4)), "%s",
			      cell);
		}
	}
}

static void test_names_are_there_and_differ(void)
{
	for (int i = 0; i < TRACEE_STATES; i++)
		for (int j = 0; j < i; j++)
			CHECK(strcmp(tracee_state_name(i), tracee_state_name(j)) != 0, "states %d, %d", i, j);
	for (int i = 0; i < STOP_KINDS; i++)
		for (int j = 0; j < i; j++)
			CHECK(strcmp(stop_kind_name(i), stop_kind_name(j)) != 0, "kinds %d, %d", i, j);
	CHECK(strcmp(tracee_state_name(TRACEE_STATES), "?") == 0, "no state");
	CHECK(strcmp(stop_kind_name(STOP_KINDS), "?") == 0, "no kind");
}

/* README's table: a row a kind of stop, a column a state. */
static void print_cell(FILE *out, const char *cell)
{
	if (!cell) {
		fputs(" |", out);
		return;
	}
	const char *next = strstr(cell, " -> ");
	fprintf(out, " %.*s → ", (int)(next - cell - 4), cell + 4);
	for (next += 4; *next; next++)
		fputc(tolower((unsigned char)*next), out);
	fputs(" |", out);
}

static void print_table(FILE *out)
{
	fputs("| stop \\ state |", out);
	for (enum tracee_state state = 0; state < TRACEE_STATES; state++)
		fprintf(out, " %s |", tracee_state_name(state));
	fputs("\n|---|", out);
	for (enum tracee_state state = 0; state < TRACEE_STATES; state++)
		fputs("---|", out);
	for (enum stop_kind kind = 0; kind < STOP_KINDS; kind++) {
		fprintf(out, "\n| %s |", stop_kind_name(kind));
		for (enum tracee_state state = 0; state < TRACEE_STATES; state++)
			print_cell(out, transitions_cell(state, kind));
	}
	fputc('\n', out);
}

static void read_whole(const char *path, char *text, size_t size)
{
	FILE *file = fopen(path, "r");
	size_t len = file ? fread(text, 1, size - 1, file) : 0;
	text[len] = '\0';
	if (file)
		fclose(file);
}

static void test_readme_shows_this_table(void)
{
	static char readme[1 << 17];
	char *table;
	size_t len;
	FILE *out = open_memstream(&table, &len);
	print_table(out);
	fclose(out);
	read_whole("README.md", readme, sizeof(readme));
	CHECK(strstr(readme, table), "README.md, from the top of the tree, should hold\n%s", table);
	free(table);
}

static void test_each_wait_status_has_one_meaning(void)
{
	static const struct {
		int status;
		enum stop_kind kind;
		int event;
	} expected[] = {
		{ 0x0000, STOP_ENDED, 0 },
		{ 0x2a00, STOP_ENDED, 0 },
		{ SIGKILL, STOP_ENDED, 0 },
		{ SIGSEGV | 0x80, STOP_ENDED, 0 },
		{ W_STOPCODE(SIGTRAP | 0x80), STOP_LEAVE, 0 },
		{ W_STOPCODE(SIGTRAP), STOP_SIGNAL, 0 },
		{ W_STOPCODE(SIGSTOP), STOP_SIGNAL, 0 },
		{ W_STOPCODE(SIGCHLD), STOP_SIGNAL, 0 },
		{ W_STOPCODE(64), STOP_SIGNAL, 0 },
		{ W_STOPCODE(SIGTRAP) | PTRACE_EVENT_STOP << 16, STOP_EVENT, PTRACE_EVENT_STOP },
		{ W_STOPCODE(SIGSTOP) | PTRACE_EVENT_STOP << 16, STOP_GROUP, PTRACE_EVENT_STOP },
		{ W_STOPCODE(SIGTSTP) | PTRACE_EVENT_STOP << 16, STOP_GROUP, PTRACE_EVENT_STOP },
		{ W_STOPCODE(SIGTTIN) | PTRACE_EVENT_STOP << 16, STOP_GROUP, PTRACE_EVENT_STOP },
		{ W_STOPCODE(SIGTTOU) | PTRACE_EVENT_STOP << 16, STOP_GROUP, PTRACE_EVENT_STOP },
		{ W_STOPCODE(SIGTRAP) | PTRACE_EVENT_FORK << 16, STOP_BIRTH, PTRACE_EVENT_FORK },
		{ W_STOPCODE(SIGTRAP) | PTRACE_EVENT_VFORK << 16, STOP_BIRTH, PTRACE_EVENT_VFORK },
		{ W_STOPCODE(SIGTRAP) | PTRACE_EVENT_CLONE << 16, STOP_BIRTH, PTRACE_EVENT_CLONE },
		{ W_STOPCODE(SIGTRAP) | PTRACE_EVENT_EXEC << 16, STOP_EXEC, PTRACE_EVENT_EXEC },
		{ W_STOPCODE(SIGTRAP) | PTRACE_EVENT_SECCOMP << 16, STOP_SECCOMP, PTRACE_EVENT_SECCOMP },
		{ W_STOPCODE(SIGTRAP) | PTRACE_EVENT_EXIT << 16, STOP_OTHER, PTRACE_EVENT_EXIT },
		{ W_STOPCODE(SIGTRAP) | PTRACE_EVENT_VFORK_DONE << 16, STOP_OTHER, PTRACE_EVENT_VFORK_DONE },
	};
	for (size_t i = 0; i < COUNT(expected); i++) {
		int event = -1;
		enum stop_kind kind = stop_classify(expected[i].status, &event);
		CHECK(kind == expected[i].kind, "%#x is %s", (unsigned)expected[i].status, stop_kind_name(kind));
		CHECK(event == expected[i].event || kind == STOP_ENDED, "%#x: event %d",
		      (unsigned)expected[i].status, event);
	}
}

int main(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "--print") == 0) {
		print_table(stdout);
		return 0;
	}
	test_each_cell_acts_or_is_empty_on_purpose();
	test_each_cell_names_its_action_and_the_next_state();
	test_names_are_there_and_differ();
	test_readme_shows_this_table();
	test_each_wait_status_has_one_meaning();
	printf("ok %ld\n", checks);
	return failures != 0;
}
