/* Promises of the knowledge of descriptors: a name is that of what was opened last, copies are apart from
 * the moment of the copy, what is shared is shared, and what is not known is not guessed. */
#include "check.h"
#include "descriptors.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

/* NULL wanted: unknown. */
static bool is_named(const struct descriptors *descriptors, int fd, const char *wanted)
{
	struct bytes name;
	if (!descriptors_name(descriptors, fd, &name))
		return !wanted;
	return wanted && bytes_equal(name, bytes_of_string(wanted));
}

static void set(struct descriptors *descriptors, int fd, const char *name)
{
	descriptors_set(descriptors, fd, bytes_of_string(name));
}

static void test_names_are_the_last_ones(void)
{
	struct descriptors *own = descriptors_create();
	CHECK(is_named(own, 0, NULL) && is_named(own, -1, NULL), "empty");
	set(own, 3, "/a");
	set(own, 1, "/b");
	set(own, 2, "pipe:[1]");
	CHECK(is_named(own, 1, "/b") && is_named(own, 2, "pipe:[1]") && is_named(own, 3, "/a"), "set");
	set(own, 3, "/c");
	set(own, 1, NULL);
	set(own, -1, "/d");
	set(own, INT_MIN, "/d");
	CHECK(is_named(own, 3, "/c") && is_named(own, 1, NULL) && is_named(own, 2, "pipe:[1]"), "set again");
	descriptors_forget(own, 2, 2);
	CHECK(is_named(own, 2, NULL) && is_named(own, 3, "/c"), "closed");
	descriptors_release(own);
}

static void test_duplicates(void)
{
	struct descriptors *own = descriptors_create();
	set(own, 3, "/a");
	descriptors_duplicate(own, 3, 10);
	descriptors_duplicate(own, 3, 3);
	descriptors_forget(own, 3, 3);
	CHECK(is_named(own, 10, "/a") && is_named(own, 3, NULL), "outlives the first");
	descriptors_duplicate(own, 7, 10);
	CHECK(is_named(own, 10, NULL), "of what is not known");
	descriptors_release(own);
}

static void test_ranges_are_closed(void)
{
	struct descriptors *own = descriptors_create();
	for (int fd = 0; fd < 100; fd++)
		set(own, fd, "/x");
	descriptors_forget(own, 200, UINT_MAX);
	descriptors_forget(own, 20, 10);
	descriptors_forget(own, 10, 19);
	CHECK(is_named(own, 9, "/x") && is_named(own, 10, NULL) && is_named(own, 19, NULL) && is_named(own, 20, "/x"),
	      "in the middle");
	descriptors_forget(own, 3, UINT_MAX);
	CHECK(is_named(own, 2, "/x") && is_named(own, 3, NULL) && is_named(own, 99, NULL), "to the end");
	descriptors_release(own);
}

static void test_copies_are_apart_and_shares_are_not(void)
{
	struct descriptors *parent = descriptors_create();
	set(parent, 0, "/in");
	set(parent, 3, "/a");
	struct descriptors *child = descriptors_copy(parent), *thread = descriptors_share(parent);
	struct descriptors *grandchild = descriptors_copy(child);
	set(child, 3, "/child's");
	set(thread, 4, "/thread's");
	descriptors_forget(grandchild, 0, 0);
	CHECK(is_named(parent, 3, "/a") && is_named(child, 3, "/child's") && is_named(grandchild, 3, "/a"), "changed");
	CHECK(is_named(parent, 4, "/thread's") && is_named(child, 4, NULL), "opened");
	CHECK(is_named(parent, 0, "/in") && is_named(child, 0, "/in") && is_named(grandchild, 0, NULL), "closed");
	descriptors_release(parent);
	CHECK(is_named(thread, 3, "/a"), "the thread lives on");
	descriptors_release(thread);
	descriptors_release(grandchild);
	descriptors_release(child);
}

static void test_a_list_replaces_all(void)
{
	static const char list[] = "0=/dev/null\0" "2=socket:[77]\0" "x=/bad\0" "=bad\0" "5\0" "99999999999=/far\0" "12=/a=b";
	struct descriptors *own = descriptors_create();
	set(own, 1, "/before");
	descriptors_load(own, bytes_of(list, sizeof list - 1));
	CHECK(is_named(own, 0, "/dev/null") && is_named(own, 1, NULL) && is_named(own, 2, "socket:[77]"), "loaded");
	CHECK(is_named(own, 5, NULL) && is_named(own, 12, "/a=b"), "odd lines");
	descriptors_release(own);
}

static void test_no_table_knows_nothing(void)
{
	CHECK(!descriptors_share(NULL) && !descriptors_copy(NULL) && is_named(NULL, 0, NULL), "NULL");
	set(NULL, 0, "/a");
	descriptors_duplicate(NULL, 0, 1);
	descriptors_forget(NULL, 0, 1);
	descriptors_load(NULL, bytes_of("0=/a", 5));
	descriptors_release(NULL);
	workdir_set(NULL, bytes_of("/a", 2));
	CHECK(!workdir_share(NULL) && !workdir_copy(NULL), "NULL");
	workdir_release(NULL);
}

static void test_a_table_is_bounded(void)
{
	struct descriptors *own = descriptors_create();
	for (int fd = 0; fd < DESCRIPTORS_MAX + 10; fd++)
		set(own, fd, "/x");
	CHECK(is_named(own, DESCRIPTORS_MAX - 1, "/x") && is_named(own, DESCRIPTORS_MAX, NULL), "full");
	set(own, 5, "/y");
	CHECK(is_named(own, 5, "/y"), "known ones change");
	descriptors_release(own);
}

static void test_working_directories(void)
{
	struct bytes name;
	struct workdir *own = workdir_create(bytes_of_string("/a"));
	struct workdir *shared = workdir_share(own), *copy = workdir_copy(own);
	workdir_set(shared, bytes_of_string("/b"));
	CHECK(workdir_name(own, &name) && bytes_equal(name, bytes_of_string("/b")), "shared");
	CHECK(workdir_name(copy, &name) && bytes_equal(name, bytes_of_string("/a")), "copied");
	workdir_set(own, name);
	workdir_set(copy, bytes_of(NULL, 0));
	CHECK(!workdir_name(copy, &name) && workdir_name(shared, &name) && name.len == 2, "unknown");
	workdir_release(own);
	workdir_release(shared);
	workdir_release(copy);
}

int main(void)
{
	test_names_are_the_last_ones();
	test_duplicates();
	test_ranges_are_closed();
	test_copies_are_apart_and_shares_are_not();
	test_a_list_replaces_all();
	test_no_table_knows_nothing();
	test_a_table_is_bounded();
	test_working_directories();
	if (failures)
		printf("%ld of %ld checks failed\n", failures, checks);
	else
		printf("ok %ld\n", checks);
	return failures ? EXIT_FAILURE : EXIT_SUCCESS;
}
