/* Promises of --learn: what is needed is allowed by what is learned, nothing much beside it, and the text can be read. */
#include "policy/learn.h"
#include "redact.h"
#include "syscall.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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

enum { LINES_MAX = 64 };

static char folder[] = "/tmp/learn-XXXXXX"; /* the working directory; $HOME is beside what is in it */

static struct bytes b(const char *text)
{
	return bytes_of_string(text);
}

static const char *file_name(void)
{
	static char name[64];
	snprintf(name, sizeof name, "%s/p.policy", folder);
	return name;
}

/* A '@' at the beginning of an object stands for the working directory. */
static const char *expand(const char *object)
{
	static char text[512];
	snprintf(text, sizeof text, "%s%s", *object == '@' ? folder : "", object + (*object == '@'));
	return text;
}

/* Lines "KIND OBJECT PROGRAM". */
static struct needs *needs_of(const char *lines)
{
	static const char *const kinds[NEED_KINDS] = { "read", "write", "exec", "net", "syscall", "moved", "moved-to", "made", "gone" };
	char copy[4096], *rest = copy, *line, kind[16], object[256], program[64];
	struct needs *needs = needs_create(NULL);
	snprintf(copy, sizeof copy, "%s", lines);
	while ((line = strsep(&rest, "\n"))) {
		program[0] = '\0';
		if (sscanf(line, "%15s %255s %63s", kind, object, program) < 2)
			continue;
		for (unsigned i = 0; i < NEED_KINDS; i++)
			if (strcmp(kinds[i], kind) == 0)
				needs_add(needs, (enum need_kind)i, b(expand(object)), b(program));
	}
	return needs;
}

static void write_file(const char *text, size_t len)
{
	FILE *file = fopen(file_name(), "w");
	fwrite(text, 1, len, file);
	fclose(file);
}

static struct policy *load(void)
{
	char error[512] = "";
	const char *files[] = { file_name() };
	struct policy *policy = policy_load(files, 1, NULL, 0, error, sizeof error);
	CHECK(policy, "%s", error);
	if (!policy)
		exit(1);
	return policy;
}

/* What is learned from those needs, into that text, as a file too. Returns it; how many were withheld in *withheld. */
static char *learn_into(const char *text, const char *lines, uint32_t *withheld)
{
	struct needs *needs = needs_of(lines);
	struct strbuf out = { 0 };
	struct learn learn = { .needs = needs, .file = file_name(), .text = b(text) };
	write_file(text, strlen(text));
	struct policy *present = *text ? load() : NULL;
	learn.present = present;
	CHECK(learn_policy(&learn, &out) == 0, "no memory");
	if (withheld)
		*withheld = learn.withheld;
	policy_free(present);
	needs_free(needs);
	write_file(out.data, out.len);
	return out.data;
}

static char *learn(const char *lines)
{
	return learn_into("", lines, NULL);
}

static bool allows(const struct policy *policy, const char *subject, const char *object)
{
	struct policy_answer answer;
	object = expand(object);
	if (strcmp(subject, "syscall") == 0)
		answer = policy_ask_syscall(policy, 0, ABI_X86_64, (uint32_t)syscall_number(ABI_X86_64, object));
	else
		answer = policy_ask_path(policy, 0, *subject == 'r' ? POLICY_READ : *subject == 'w' ? POLICY_WRITE : POLICY_EXEC, b(object));
	return answer.verdict == POLICY_ALLOW;
}

/* Lines "SUBJECT OBJECT": by the file as it is now. */
static void expect(const char *lines, bool allowed)
{
	char copy[4096], *rest = copy, *line, subject[16], object[256];
	struct policy *policy = load();
	snprintf(copy, sizeof copy, "%s", lines);
	while ((line = strsep(&rest, "\n")))
		if (sscanf(line, "%15s %255s", subject, object) == 2)
			CHECK(allows(policy, subject, object) == allowed, "%s is %s", line, allowed ? "denied" : "allowed");
	policy_free(policy);
}

static bool connects(int family, const char *address, uint16_t port)
{
	uint8_t raw[16];
	struct policy *policy = load();
	struct policy_endpoint endpoint = { .family = family, .port = port };
	if (family == AF_UNIX) {
		endpoint.abstract = *address == '@';
		endpoint.path = b(address + endpoint.abstract);
	} else if (inet_pton(family, address, raw) == 1) {
		endpoint.address = bytes_of((const char *)raw, family == AF_INET ? 4 : 16);
	}
	bool allowed = policy_ask_net(policy, 0, &endpoint).verdict == POLICY_ALLOW;
	policy_free(policy);
	return allowed;
}

static const char build[] = "exec /usr/bin/make\nexec /usr/bin/cc1 /usr/bin/cc1\nexec /lib64/liba.so.1 /usr/bin/cc1\n"
			    "exec /lib64/libb.so /usr/bin/cc1\nexec /lib64/libc-2.31.so /usr/bin/cc1\nexec /lib64/ld-linux.so.2 /usr/bin/cc1\n"
			    "read /usr/include/a.h /usr/bin/cc1\nread /usr/include/b.h /usr/bin/cc1\nread /usr/include/c.h /usr/bin/cc1\n"
			    "read /usr/include/d.h /usr/bin/cc1\nread /etc/ld.so.cache /usr/bin/cc1\nread /etc/passwd /bin/sh\n"
			    "read /etc/group /bin/sh\nread /etc/hosts /bin/sh\nread @/Makefile /usr/bin/make\n"
			    "write @/build/a.o /usr/bin/as\nwrite @/build/b.o /usr/bin/as\nwrite @/build/c.o /usr/bin/as\nwrite @/build/d.o /usr/bin/as\n"
			    "write /dev/null /bin/sh\nread /proc/4711/maps /bin/sh";

static void test_build(void)
{
	char *text = learn(build);
	expect(build, true);
	expect("write @/build/new.o\nread /usr/include/sys/new.h\nread /proc/17/maps\nexec /lib64/libnew.so", true);
	expect("write /etc/hosts\nwrite @/Makefile\nread /etc/shadow\nexec /usr/bin/curl\nread /root/.ssh/id_rsa\nwrite /tmp/x\n"
	       "read /proc/17/environ\nexec /lib64/tool\nsyscall ptrace\nsyscall mount\nsyscall setns\nread /usr/src/a.h\nwrite /dev/sda", false);
	CHECK(strstr(text, "allow write    $PWD/build/** ") && strstr(text, "# needed by as\n"), "%s", text);
	CHECK(strstr(text, "default deny\n") && strstr(text, "/lib64/*.so* "), "%s", text);
	CHECK(!connects(AF_INET, "10.1.2.3", 443) && !connects(AF_UNIX, "/run/x", 0), "%s", text);
	free(text);
}

static void test_never_folded(void)
{
	char *text = learn("read @/a/1/x\nread @/b/1/x\nread @/c/1/x\nread @/d/1/x\n"
			   "read /tmp/e\nread /tmp/f\nread /tmp/g\nread /tmp/h\nread /tmp/home/i\nread /tmp/home/j\nread /tmp/home/k\n"
			   "read /tmp/home/l\nread /tmp/home/.ssh/m\nread /tmp/home/.ssh/n\nread /tmp/home/.ssh/o\nread /tmp/home/.ssh/p\n"
			   "read /etc/x/1\nread /etc/x/2\nread /etc/x/3\nread /etc/x/4\nread /srv/d1/q\nread /srv/d1/r\nread /srv/d1/s\nread /srv/d1/t\n");
	expect("read @/e/2\nread /srv/d1/new", true);
	expect("read /tmp/new\nread /tmp/home/new\nread /tmp/home/.ssh/new\nread /etc/x/new\nread /srv/d2\nread /usr", false);
	CHECK(strstr(text, " $PWD/** ") && strstr(text, " $HOME/.ssh/m "), "%s", text);
	free(text);
}

static void test_made_up_names(void)
{
	char *text = learn("write /tmp/ccA1b2C3.s /usr/bin/gcc\nread /tmp/ccA1b2C3.s /usr/bin/as\nmade /tmp/ccA1b2C3.s\ngone /tmp/ccA1b2C3.s\n"
			   "write /tmp/ccZ9y8X7.s /usr/bin/gcc\nmade /tmp/ccZ9y8X7.s\ngone /tmp/ccZ9y8X7.s\n"
			   "write /tmp/tmp.AbCdEfGhIj/x /bin/sh\nmade /tmp/tmp.AbCdEfGhIj\ngone /tmp/tmp.AbCdEfGhIj\n"
			   "write @/conftest.c /bin/sh\nmade @/conftest.c\ngone @/conftest.c\n"
			   "write @/sedQwErT1 /bin/sed\nmade @/sedQwErT1\ngone @/sedQwErT1\nwrite @/data0001.txt /bin/sh\nmade @/data0001.txt");
	expect("write /tmp/ccQqQqQq.s\nread /tmp/cc000000.s\nwrite /tmp/tmp.0123456789/x\nwrite @/conftest.c\nwrite @/sed000000", true);
	expect("write /tmp/xx.s\nwrite /tmp/evil\nwrite @/data0002.txt\nwrite @/conftest.d", false);
	CHECK(strstr(text, " $TMPDIR/cc*.s ") && strstr(text, " $TMPDIR/tmp.*/x ") && strstr(text, " $PWD/conftest.c "), "%s", text);
	free(text);
}

/* Python's tempfile has underscores among its letters. */
static void test_names_of_tempfile_become_stars(void)
{
	char *text = learn("read /tmp/abcd_e40 /usr/bin/python3\nmade /tmp/abcd_e40\ngone /tmp/abcd_e40\n"
			   "write /tmp/tmp__x_y_z0 /usr/bin/python3\nmade /tmp/tmp__x_y_z0\n");
	expect("read /tmp/________\nwrite /tmp/tmpabcdefgh", true);
	expect("write /tmp/abcdefgh\nwrite /tmp/x_e40", false);
	free(text);
}

static void test_net_and_calls(void)
{
	char *text = learn("net 10.1.2.3:443 /usr/bin/npm\nnet [2001:db8::1]:53 /bin/x\nnet unix:/run/nscd/socket /bin/x\nnet unix:@name /bin/x\n"
			   "net netlink /bin/ip\nnet 127.0.0.1:45678 /bin/x\nsyscall ptrace /usr/bin/gdb");
	CHECK(connects(AF_INET, "10.1.2.3", 443) && connects(AF_INET6, "2001:db8::1", 53), "%s", text);
	CHECK(connects(AF_UNIX, "/run/nscd/socket", 0) && connects(AF_UNIX, "@name", 0) && connects(AF_NETLINK, "", 0), "%s", text);
	CHECK(connects(AF_INET, "127.0.0.1", 40000) && !connects(AF_INET, "10.1.2.3", 80) && !connects(AF_INET, "10.1.2.4", 443), "%s", text);
	CHECK(!connects(AF_UNIX, "@other", 0) && !connects(AF_PACKET, "", 0), "%s", text);
	expect("syscall ptrace", true);
	expect("syscall process_vm_readv\nsyscall mount", false);
	free(text);
}

/* A directory with another name takes along what is beneath it. */
static void test_moved(void)
{
	char *text = learn("read @/out.tmp\nwrite @/out.tmp\nwrite @/out\nmoved @/out.tmp\nmoved-to @/out\nwrite @/out.tmp/a\nexec /bin/mv");
	struct policy *policy = load();
	char from[64], to[64];
	snprintf(from, sizeof from, "%s/out.tmp", folder);
	snprintf(to, sizeof to, "%s/out", folder);
	CHECK(policy_ask_move(policy, 0, b(from), b(to)).verdict == POLICY_ALLOW, "%s", text);
	CHECK(policy_ask_path(policy, 0, POLICY_WRITE, b(folder)).verdict == POLICY_DENY, "%s", text);
	policy_free(policy);
	free(text);
}

static void test_merging(void)
{
	char *first = learn("read /usr/include/a.h /bin/a\nread /usr/include/b.h /bin/a\nexec /usr/bin/a"), *again, *third, *edited;
	again = learn_into(first, "read /usr/include/a.h /bin/a\nread /usr/include/b.h /bin/a\nexec /usr/bin/a", NULL);
	CHECK(strcmp(first, again) == 0, "%s\n%s", first, again);
	if (asprintf(&edited, "# mine\n%s\nallow write /srv/**   # also mine\n", first) < 0)
		exit(1);
	third = learn_into(edited, "read /usr/include/c.h /bin/c\nread /usr/include/d.h /bin/d\nwrite /srv/x /bin/d\nsyscall ptrace /bin/d", NULL);
	CHECK(strstr(third, "# mine\n") == third && strstr(third, "allow write /srv/**   # also mine\n"), "%s", third);
	CHECK(strstr(third, "allow read     /usr/include/** ") && strstr(third, "# needed by a, c, d\n"), "%s", third);
	CHECK(!strstr(third, "a.h") && !strstr(third, "/srv/x"), "%s", third);
	expect("exec /usr/bin/a\nread /usr/include/new\nwrite /srv/y\nsyscall ptrace", true);
	free(first), free(again), free(third), free(edited);
}

/* What the user denies stays denied, and the file says that it was needed. */
static void test_withheld(void)
{
	uint32_t withheld;
	char *text = learn_into("default deny\ndeny read $HOME/.ssh/**\n", "read /tmp/home/.ssh/id /bin/ssh\nread /srv/a /bin/ssh", &withheld);
	CHECK(withheld == 1 && strstr(text, "# not learned: read /tmp/home/.ssh/id, needed by ssh: deny read $HOME/.ssh/**\n"), "%s", text);
	expect("read /srv/a", true);
	expect("read /tmp/home/.ssh/id", false);
	char *again = learn_into(text, "read /srv/a /bin/ssh", NULL);
	CHECK(!strstr(again, "not learned"), "%s", again);
	free(text), free(again);
}

static void test_strange_names(void)
{
	char *text = learn("exec /usr/bin/a");
	struct needs *needs = needs_create(NULL);
	struct strbuf out = { 0 };
	struct learn learning = { .needs = needs, .file = file_name() };
	static const char strange[] = "/srv/a b*c$d#e\\f\ng\xff";
	needs_add(needs, NEED_READ, b(strange), b("/bin/odd, name"));
	CHECK(learn_policy(&learning, &out) == 0, "no memory");
	write_file(out.data, out.len);
	struct policy *policy = load();
	CHECK(policy_ask_path(policy, 0, POLICY_READ, b(strange)).verdict == POLICY_ALLOW, "%s", out.data);
	CHECK(policy_ask_path(policy, 0, POLICY_READ, b("/srv/a bXc$d#e\\f\ng\xff")).verdict == POLICY_DENY, "%s", out.data);
	CHECK(strstr(out.data, "# needed by odd??name\n"), "%s", out.data);
	policy_free(policy);
	needs_free(needs);
	strbuf_free(&out);
	free(text);
}

/* Neither in a rule nor in a comment; a variable that has the secret stands for it, else a star that the comment explains. */
static void test_no_secret_is_written(void)
{
	static const char environment[] = "A_TOKEN=0123456789\0B_TOKEN=other secret\0C_KEY=10.1.2.3:443\0D_KEY=/srv/deep/e";
	struct needs *needs = needs_of("read @/x0123456789y /bin/0123456789x\nread @/ab*0123456789 /bin/a\nnet 10.1.2.3:443 /bin/a\n"
				       "read /srv/deep/ef /bin/a\nread /tmp/home/.ssh/0123456789 /bin/0123456789");
	struct redactor *redactor = redactor_create();
	struct strbuf out = { 0 };
	static const char text[] = "default deny\ndeny read $HOME/.ssh/**\n";
	write_file(text, sizeof text - 1);
	struct learn learn = { .needs = needs, .redactor = redactor, .file = file_name(), .present = load(), .text = b(text) };
	needs_add(needs, NEED_READ, b("/srv/other secret!other secret"), b("/bin/;a"));
	setenv("A_TOKEN", "0123456789", 1);
	CHECK(redactor_learn(redactor, bytes_of(environment, sizeof environment)) == 0 && learn_policy(&learn, &out) == 0, "no memory");
	CHECK(!strstr(out.data, "0123456789") && !strstr(out.data, "other") && !strstr(out.data, "10.1.2.3"), "%s", out.data);
	CHECK(strstr(out.data, "$PWD/x${A_TOKEN}y ") && strstr(out.data, "# needed by ***x\n"), "%s", out.data);
	CHECK(strstr(out.data, "$PWD/ab\\*${A_TOKEN} "), "%s", out.data);
	CHECK(strstr(out.data, " /srv/*!* ") && strstr(out.data, "# needed by ?a; a star hides a secret\n"), "%s", out.data);
	CHECK(strstr(out.data, " /*/*/*f ") && strstr(out.data, "allow net      * "), "%s", out.data);
	CHECK(strstr(out.data, "# not learned: read /tmp/home/.ssh/${A_TOKEN}, needed by ***: deny read"), "%s", out.data);
	write_file(out.data, out.len);
	expect("read @/x0123456789y\nread @/ab*0123456789\nread /srv/deep/ef", true);
	policy_free((struct policy *)learn.present);
	redactor_destroy(redactor);
	needs_free(needs);
	strbuf_free(&out);
}

/* Each need is kept once; the log has them for another process, as far as there is room. */
static void test_log(void)
{
	enum { TWO_NEEDS = 2 * 12 + 2 + 6 + 2 };
	struct needs_log *log = needs_log_create(1 << 20), *small = needs_log_create(TWO_NEEDS);
	struct needs *needs = needs_create(log), *cut = needs_create(small), *read;
	for (int i = 0; i < 6; i++) {
		struct needs *to = i % 2 ? cut : needs;
		needs_add(to, NEED_READ, b("/a"), b("/bin/x"));
		needs_add(to, NEED_MADE, b("/a"), b("/bin/x"));
		needs_add(to, NEED_READ, b("/b"), b(""));
	}
	read = needs_read(log);
	CHECK(needs_count(needs) == 3 && needs_count(read) == 3 && needs_are_whole(needs), "%u", needs_count(read));
	CHECK(needs_have(read, NEED_MADE, b("/a")) && !needs_have(read, NEED_GONE, b("/a")), "made");
	CHECK(bytes_equal(name_bytes(needs_at(read, 2)->object), b("/b")), "order");
	needs_free(read);
	read = needs_read(small);
	CHECK(needs_count(read) == 2 && !needs_are_whole(read) && !needs_are_whole(cut), "%u", needs_count(read));
	needs_free(read);
	needs_free(needs);
	needs_free(cut);
	needs_log_free(log);
	needs_log_free(small);
}

int main(void)
{
	if (!mkdtemp(folder) || chdir(folder))
		return 1;
	setenv("HOME", "/tmp/home", 1);
	unsetenv("TMPDIR");
	setenv("PWD", folder, 1);
	test_build();
	test_never_folded();
	test_made_up_names();
	test_names_of_tempfile_become_stars();
	test_net_and_calls();
	test_moved();
	test_merging();
	test_withheld();
	test_strange_names();
	test_no_secret_is_written();
	test_log();
	unlink(file_name());
	rmdir(folder);
	if (failures)
		return 1;
	printf("ok %d\n", checks);
	return 0;
}
