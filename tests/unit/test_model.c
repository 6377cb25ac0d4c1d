/* The model and its reports, from events made by hand: no process is looked at. */
#include "model/model.h"
#include "recording.h"
#include "report/jsonwriter.h"
#include "report/plain.h"
#include "report/report.h"
#include "report/utf8.h"
#include "syscall.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static int checks, failures;

#define CHECK(condition) check((condition), #condition, __func__, __LINE__)

static void check(bool holds, const char *what, const char *where, int line)
{
	checks++;
	if (holds)
		return;
	failures++;
	fprintf(stderr, "%s:%d: %s\n", where, line, what);
}

/* ---- making events ---- */

static struct model *model;
static struct recording *recording; /* lives as long as the program: nothing ends one */
static int recording_fd = -1;
static bool recording_too;
static uint64_t now_ns;

static void take(const struct event *event)
{
	model_add(model, event);
	if (recording_too)
		recording_append(recording, event, NULL);
}

#define VECTOR(literal) bytes_of(literal, sizeof(literal))
#define TEXT(literal) bytes_of(literal, sizeof(literal) - 1)

static struct event event_of(enum event_kind kind, uint32_t process)
{
	now_ns += 1000000;
	return (struct event){ .kind = (uint8_t)kind, .t_ns = now_ns, .process = process,
			       .pid = (int32_t)(1000 + process), .tid = (int32_t)(1000 + process) };
}

static void start_run(const char *level, const char *trace)
{
	now_ns = 0;
	model = model_create();
	struct event event = { .kind = EVENT_START };
	event.start = (struct event_start){
		.version = TEXT("1.0"), .level = bytes_of_string(level), .trace = bytes_of_string(trace),
		.command = VECTOR("make\0-j2"), .cwd = TEXT("/src"),
		.environment = VECTOR("HOME=/root\0PATH=/bin\0GONE=1"), .host_name = TEXT("host"),
		.kernel = TEXT("6.18.0"), .arch = TEXT("x86_64"),
		.realtime_ns = 1795510861123456789, .cpus = 2, .uid = 0, .ptw_asked = false,
	};
	take(&event);
}

static void add_fork(uint32_t process, uint32_t parent)
{
	struct event event = event_of(EVENT_FORK, process);
	event.fork = (struct event_fork){ .parent = parent, .ppid = (int32_t)(1000 + parent) };
	take(&event);
}

static void add_exec(uint32_t process, const char *path, struct bytes argv, struct bytes environment)
{
	struct event event = event_of(EVENT_EXEC, process);
	event.exec = (struct event_exec){
		.path = bytes_of_string(path), .exe = bytes_of_string(path), .argv = argv,
		.cwd = TEXT("/src"), .loader = TEXT("/lib64/ld-linux-x86-64.so.2"),
		.environment = environment, .fds = VECTOR("0=/dev/null\0001=pipe:[7]"),
	};
	take(&event);
}

static void add_exit(uint32_t process, int status)
{
	struct event event = event_of(EVENT_EXIT, process);
	event.exit = (struct event_exit){ .status = status, .has_usage = true, .user_ns = 5000000,
					  .system_ns = 1000000, .max_rss_bytes = 4096 };
	take(&event);
}

static void add_end(int status)
{
	struct event event = event_of(EVENT_END, 0);
	event.end = (struct event_end){ .status = status };
	take(&event);
}

static struct event call_of(uint32_t process, const char *name, int64_t ret)
{
	struct event event = event_of(EVENT_SYSCALL, process);
	event.syscall.number = (uint32_t)syscall_number(ABI_X86_64, name);
	event.syscall.ret = ret;
	event.syscall.dur_ns = 1000;
	return event;
}

static void attach(struct event *event, enum attach_kind kind, unsigned arg, struct bytes bytes)
{
	event->syscall.attach[event->syscall.attach_count++] =
		(struct attach){ .kind = (uint8_t)kind, .arg = (uint8_t)arg, .bytes = bytes };
}

static void attach_path(struct event *event, unsigned arg, const char *path)
{
	attach(event, ATTACH_PATH, arg, bytes_of_string(path));
	attach(event, ATTACH_ABS, arg, bytes_of_string(path));
	event->syscall.args[arg] = 0x1000;
}

static void add_open(uint32_t process, const char *path, int flags, int64_t ret, unsigned marks)
{
	struct event event = call_of(process, "openat", ret);
	event.syscall.args[2] = (uint64_t)flags;
	event.syscall.flags = (uint8_t)marks;
	attach_path(&event, 1, path);
	take(&event);
}

static void add_path_call(uint32_t process, const char *name, unsigned arg, const char *path,
			  int64_t ret)
{
	struct event event = call_of(process, name, ret);
	attach_path(&event, arg, path);
	take(&event);
}

static void add_rename(uint32_t process, const char *from, const char *to, int64_t ret)
{
	struct event event = call_of(process, "rename", ret);
	attach_path(&event, 0, from);
	attach_path(&event, 1, to);
	take(&event);
}

static void add_socket_call(uint32_t process, const char *name, const char *inode, int64_t ret,
			    enum attach_kind kind, struct bytes address)
{
	struct event event = call_of(process, name, ret);
	attach(&event, ATTACH_FD, 0, bytes_of_string(inode));
	if (address.len)
		attach(&event, kind, 1, address);
	take(&event);
}

static void add_socket(uint32_t process, const char *inode, int family, int type)
{
	struct event event = call_of(process, "socket", 5);
	event.syscall.args[0] = (uint64_t)family;
	event.syscall.args[1] = (uint64_t)type;
	attach(&event, ATTACH_FD, ATTACH_RETURN, bytes_of_string(inode));
	take(&event);
}

static struct bytes loopback(struct sockaddr_in *address, uint16_t port)
{
	*address = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(port),
					 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	return bytes_of((char *)address, sizeof *address);
}

static void add_signal(uint32_t process, int number, uint32_t from)
{
	struct event event = event_of(EVENT_SIGNAL, process);
	event.signal = (struct event_signal){ .number = number, .from = from };
	take(&event);
}

static void start_simple_run(void)
{
	start_run("audit", "");
	add_fork(1, 0);
	add_exec(1, "/usr/bin/make", VECTOR("make\0-j2"), VECTOR("HOME=/root\0PATH=/usr/bin\0MAKE=1"));
}

static void end_simple_run(void)
{
	add_exit(1, 0);
	add_end(0);
	CHECK(model_finish(model) == 0);
}

/* ---- asking the model ---- */

static const struct file *file_at(const char *path)
{
	for (uint32_t i = 0; i < model->files.count; i++)
		if (bytes_equal(name_bytes(model->files.list[i]->path), bytes_of_string(path)))
			return model->files.list[i];
	return NULL;
}

static uint32_t ops_of(const char *path)
{
	const struct file *file = file_at(path);
	return file ? file->ops : 0;
}

static bool holds(const char *text, const char *part)
{
	bool found = text && strstr(text, part);
	if (!found)
		fprintf(stderr, "not found: %s\n", part);
	return found;
}

static char *report_text_of(const char *format)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);
	if (strcmp(format, "summary") == 0)
		CHECK(report_write_summary(out, model, false, 0) == 0);
	else
		CHECK(report_write(report_format_by_name(format), out, model, recording_fd) == 0);
	fclose(out);
	return text;
}

/* ---- promises ---- */

static void opens_become_reads_writes_and_creates(void)
{
	start_simple_run();
	add_open(1, "/r", O_RDONLY, 3, 0);
	add_open(1, "/w", O_WRONLY | O_CREAT | O_TRUNC, 3, SYSCALL_EXISTED);
	add_open(1, "/new", O_RDWR | O_CREAT, 3, 0);
	add_open(1, "/excl", O_WRONLY | O_CREAT | O_EXCL, 3, 0);
	add_open(1, "/p", O_PATH, 3, 0);
	add_open(1, "/denied", O_RDONLY, -EACCES, 0);
	add_open(1, "/none", O_RDONLY, -ENOENT, 0);
	end_simple_run();
	CHECK(ops_of("/r") == FILE_READ);
	CHECK(ops_of("/w") == FILE_WRITE);
	CHECK(ops_of("/new") == (FILE_READ | FILE_WRITE | FILE_CREATE));
	CHECK(ops_of("/excl") == (FILE_WRITE | FILE_CREATE));
	CHECK(!file_at("/p") && !file_at("/denied"));
	CHECK(ops_of("/none") == FILE_MISSING);
	CHECK(model->files.read_count == 2 && model->files.written_count == 3);
	model_free(model);
}

static void directories_are_listed_not_read(void)
{
	start_simple_run();
	add_open(1, "/flag", O_RDONLY | O_DIRECTORY, 3, 0);
	add_open(1, "/told", O_RDONLY, 3, SYSCALL_DIRECTORY);
	add_open(1, "/plain", O_RDONLY, 3, 0);
	struct event event = call_of(1, "getdents64", 48);
	attach(&event, ATTACH_FD, 0, TEXT("/plain"));
	take(&event);
	add_open(1, "/parent", O_RDONLY, 3, 0);
	add_open(1, "/parent/child", O_RDONLY, 3, 0);
	end_simple_run();
	CHECK(ops_of("/plain") == FILE_LIST);
	CHECK(!file_at("/flag") && !file_at("/told") && !file_at("/parent"));
	CHECK(ops_of("/parent/child") == FILE_READ);
	CHECK(model->files.read_count == 1);
	model_free(model);
}

static void renames_stand_on_both_names(void)
{
	start_simple_run();
	add_rename(1, "/a", "/b", 0);
	add_rename(1, "/gone", "/c", -ENOENT);
	end_simple_run();
	CHECK(ops_of("/a") == FILE_RENAME && ops_of("/b") == FILE_RENAME);
	CHECK(strcmp(file_at("/a")->renamed_to.name->data, "/b") == 0);
	CHECK(strcmp(file_at("/b")->renamed_from.name->data, "/a") == 0);
	CHECK(ops_of("/gone") == FILE_MISSING && !file_at("/c"));
	model_free(model);
}

static void calls_on_descriptors_name_files_but_not_sockets(void)
{
	static const char *const names[] = { "/f (deleted)", "socket:[3]", "pipe:[4]", "/memfd:x (deleted)",
					     "anon_inode:[eventfd]" };
	start_simple_run();
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		struct event event = call_of(1, "fchmod", 0);
		attach(&event, ATTACH_FD, 0, bytes_of_string(names[i]));
		take(&event);
	}
	end_simple_run();
	CHECK(ops_of("/f") == FILE_CHMOD);
	CHECK(model->files.count == 3); /* and the program with its loader */
	model_free(model);
}

static void path_calls_have_the_op_of_their_name(void)
{
	static const struct {
		const char *call;
		unsigned arg;
		uint32_t op;
	} cases[] = {
		{ "unlink", 0, FILE_DELETE }, { "rmdir", 0, FILE_DELETE }, { "mkdir", 0, FILE_MKDIR },
		{ "mknod", 0, FILE_CREATE }, { "truncate", 0, FILE_TRUNCATE }, { "chmod", 0, FILE_CHMOD },
		{ "lchown", 0, FILE_CHOWN }, { "utimensat", 1, FILE_UTIME }, { "setxattr", 0, FILE_XATTR },
		{ "symlink", 1, FILE_SYMLINK }, { "newfstatat", 1, FILE_STAT }, { "access", 0, FILE_STAT },
		{ "readlink", 0, FILE_STAT }, { "statfs", 0, FILE_STAT },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		start_simple_run();
		add_path_call(1, cases[i].call, cases[i].arg, "/ok", 0);
		add_path_call(1, cases[i].call, cases[i].arg, "/absent", -ENOTDIR);
		end_simple_run();
		CHECK(ops_of("/ok") == cases[i].op);
		CHECK(ops_of("/absent") == FILE_MISSING);
		model_free(model);
	}
}

static void another_root_makes_another_entry(void)
{
	start_simple_run();
	add_open(1, "/etc/x", O_RDONLY, 3, 0);
	struct event event = call_of(1, "openat", 3);
	event.syscall.flags = SYSCALL_OTHER_ROOT;
	event.syscall.root = TEXT("/srv/jail");
	attach_path(&event, 1, "/etc/x");
	take(&event);
	end_simple_run();
	uint32_t found = 0;
	for (uint32_t i = 0; i < model->files.count; i++)
		found += strcmp(model->files.list[i]->path->data, "/etc/x") == 0;
	CHECK(found == 2);
	model_free(model);
}

static void a_path_of_unknown_place_is_noted_not_guessed(void)
{
	start_simple_run();
	struct event event = call_of(1, "openat", 3);
	event.syscall.args[0] = 9;
	attach(&event, ATTACH_PATH, 1, TEXT("x"));
	take(&event);
	end_simple_run();
	CHECK(model->files.count == 2);
	CHECK(coverage_has(&model->coverage, 1, "unknown-dirfd"));
	CHECK(!model->coverage.complete);
	model_free(model);
}

static void environments_differ_from_the_calling_image(void)
{
	start_simple_run();
	add_fork(2, 1);
	add_exec(2, "/bin/sh", VECTOR("sh"), VECTOR("HOME=/root\0PATH=/usr/bin\0X=\377"));
	add_exit(2, 0);
	end_simple_run();
	char *json = report_text_of("json");
	CHECK(holds(json, "\"MAKE\": \"1\""));
	CHECK(holds(json, "\"PATH\": \"/usr/bin\""));
	CHECK(holds(json, "\"removed\": [\"GONE\"]"));
	CHECK(holds(json, "\"removed\": [\"MAKE\"]"));
	CHECK(holds(json, "\"X\": \"\xef\xbf\xbd\""));
	CHECK(holds(json, "\"env_bytes\": [\"WD3/\"]"));
	free(json);
	model_free(model);
}

static void usage_includes_children_where_there_were_any(void)
{
	start_simple_run();
	add_fork(2, 1);
	add_exit(2, 0);
	end_simple_run();
	char *json = report_text_of("json");
	char *plain = strstr(json, "\"user_ns\"");
	CHECK(plain && plain > strstr(json, "\"id\": 2") && !strstr(plain + 1, "\"user_ns\""));
	CHECK(holds(json, "\"user_ns_with_children\""));
	free(json);
	model_free(model);
}

static void comm_is_inherited_and_cut_to_fifteen_bytes(void)
{
	start_simple_run();
	add_exec(1, "/opt/a-very-long-program-name", VECTOR("x"), VECTOR("A=1"));
	add_fork(2, 1);
	add_exit(2, 0);
	end_simple_run();
	CHECK(strcmp(model->proctree.list[1]->comm, "a-very-long-pro") == 0);
	model_free(model);
}

static void connects_are_counted_by_peer_and_errno(void)
{
	struct sockaddr_in address;
	start_simple_run();
	add_socket(1, "socket:[7]", AF_INET, SOCK_STREAM | SOCK_CLOEXEC);
	add_socket_call(1, "connect", "socket:[7]", -EINPROGRESS, ATTACH_DATA, loopback(&address, 80));
	add_socket_call(1, "connect", "socket:[7]", 0, ATTACH_DATA, loopback(&address, 80));
	add_socket_call(1, "connect", "socket:[7]", -ECONNREFUSED, ATTACH_DATA, loopback(&address, 80));
	end_simple_run();
	CHECK(model->network.count == 1 && model->network.connections == 2);
	const struct peer *peer = &model->network.peers[0];
	CHECK(peer->count == 3 && peer->failures == 1 && peer->port == 80);
	CHECK(strcmp(peer->family, "inet") == 0 && strcmp(peer->protocol, "tcp") == 0);
	CHECK(strcmp(peer->address->data, "127.0.0.1") == 0);
	CHECK(strcmp(peer->errors->name, "ECONNREFUSED") == 0 && !peer->errors->next);
	model_free(model);
}

static void listen_has_the_address_of_its_bind(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = "/run/x.sock" };
	struct sockaddr_un abstract = { .sun_family = AF_UNIX, .sun_path = "\0name" };
	start_simple_run();
	add_socket(1, "socket:[8]", AF_UNIX, SOCK_STREAM);
	add_socket_call(1, "bind", "socket:[8]", 0, ATTACH_DATA, bytes_of((char *)&address, sizeof address));
	add_socket_call(1, "listen", "socket:[8]", 0, ATTACH_DATA, TEXT(""));
	add_socket_call(1, "connect", "socket:[9]", 0, ATTACH_DATA, bytes_of((char *)&abstract, 7));
	end_simple_run();
	CHECK(model->network.count == 3);
	CHECK(model->network.peers[2].op == NETWORK_LISTEN);
	CHECK(strcmp(model->network.peers[2].address->data, "/run/x.sock") == 0);
	CHECK(strcmp(model->network.peers[1].address->data, "@name") == 0);
	CHECK(ops_of("/run/x.sock") == FILE_CREATE);
	model_free(model);
}

static void bytes_belong_to_the_connection_whoever_moves_them(void)
{
	struct sockaddr_in address;
	start_run("all", "");
	add_fork(1, 0);
	add_exec(1, "/bin/a", VECTOR("a"), VECTOR("A=1"));
	add_socket(1, "socket:[7]", AF_INET, SOCK_STREAM);
	add_socket_call(1, "connect", "socket:[7]", 0, ATTACH_DATA, loopback(&address, 80));
	add_fork(2, 1);
	add_socket_call(2, "write", "socket:[7]", 10, ATTACH_DATA, TEXT("0123456789"));
	add_socket_call(1, "read", "socket:[7]", 32, ATTACH_DATA_OUT, TEXT("x"));
	add_exit(2, 0);
	end_simple_run();
	CHECK(model->sections.network_bytes && model->network.count == 1);
	CHECK(model->network.peers[0].sent_bytes == 10 && model->network.peers[0].received_bytes == 32);
	model_free(model);
}

static void equal_signals_fold_and_the_deadly_one_is_fatal(void)
{
	start_simple_run();
	add_fork(2, 1);
	add_signal(2, SIGTERM, 1);
	add_signal(2, SIGTERM, 1);
	add_signal(2, SIGTERM, 1);
	add_exit(2, SIGTERM);
	end_simple_run();
	CHECK(model->signals.count == 2);
	CHECK(model->signals.list[0].count == 2 && !model->signals.list[0].fatal);
	CHECK(model->signals.list[1].count == 1 && model->signals.list[1].fatal);
	model_free(model);
}

static void calls_are_counted_by_name_with_their_errnos(void)
{
	start_simple_run();
	add_open(1, "/a", O_RDONLY, 3, 0);
	add_open(1, "/b", O_RDONLY, -ENOENT, 0);
	struct event event = call_of(1, "openat", 3);
	event.syscall.abi = ABI_I386;
	event.syscall.number = (uint32_t)syscall_number(ABI_I386, "openat");
	take(&event);
	end_simple_run();
	CHECK(model->calls.count == 1);
	const struct call_total *total = &model->calls.totals[0];
	CHECK(strcmp(total->name, "openat") == 0 && total->calls == 3 && total->errors == 1);
	CHECK(total->total_ns == 3000 && total->max_ns == 1000);
	CHECK(strcmp(total->errnos->name, "ENOENT") == 0 && total->errnos->count == 1);
	CHECK(model->proctree.call_count == 3 && model->proctree.list[0]->calls_kinds == 1);
	model_free(model);
}

static void failed_execs_are_kept_in_order(void)
{
	start_simple_run();
	add_path_call(1, "execve", 0, "/usr/local/bin/cc", -ENOENT);
	add_path_call(1, "execve", 0, "/usr/bin/cc", -EACCES);
	end_simple_run();
	const struct exec_failure *failure = model->proctree.list[0]->first_failure;
	CHECK(failure && strcmp(failure->path->data, "/usr/local/bin/cc") == 0);
	CHECK(failure && failure->next && strcmp(failure->next->error, "EACCES") == 0);
	CHECK(ops_of("/usr/local/bin/cc") == FILE_MISSING && !file_at("/usr/bin/cc"));
	model_free(model);
}

static void level_exec_has_processes_only(void)
{
	start_run("exec", "");
	add_fork(1, 0);
	add_exec(1, "/bin/a", VECTOR("a"), VECTOR("A=1"));
	end_simple_run();
	char *json = report_text_of("json");
	CHECK(!strstr(json, "\"files\"") && !strstr(json, "\"syscalls\"") && !strstr(json, "\"signals\""));
	CHECK(!strstr(json, "\"network\"") && !strstr(json, "\"failed_execs\""));
	CHECK(holds(json, "\"execs\": 1") && holds(json, "\"complete\": true"));
	free(json);
	model_free(model);
}

static void trace_leaves_out_sections_that_it_does_not_ask_for(void)
{
	start_run("audit", "%network");
	add_fork(1, 0);
	end_simple_run();
	CHECK(model->sections.network && !model->sections.files && !model->sections.exec_failures);
	CHECK(model->sections.calls && model->sections.signals && !model->sections.network_bytes);
	model_free(model);
}

static void a_recording_without_end_is_not_complete(void)
{
	start_simple_run();
	CHECK(model_finish(model) == 0);
	CHECK(!model->coverage.complete);
	CHECK(coverage_has(&model->coverage, 0, "unfinished"));
	CHECK(coverage_has(&model->coverage, 1, "died-before-end"));
	char *json = report_text_of("json");
	CHECK(holds(json, "\"exit\": null"));
	free(json);
	model_free(model);
}

static void a_process_that_outlives_the_audit_is_named(void)
{
	start_simple_run();
	add_fork(2, 1);
	end_simple_run();
	CHECK(coverage_has(&model->coverage, 2, "outlived"));
	CHECK(!model->coverage.complete);
	model_free(model);
}

static void what_was_cut_or_lost_is_not_complete(void)
{
	start_simple_run();
	add_exit(1, 0);
	struct event event = event_of(EVENT_END, 0);
	event.end = (struct event_end){ .truncated = VECTOR("syscall=12\0signal=3") };
	take(&event);
	CHECK(model_finish(model) == 0);
	CHECK(!model->coverage.complete && model->coverage.cut_count == 2);
	CHECK(strcmp(model->coverage.cuts[1].kind->data, "syscall") == 0);
	CHECK(model->coverage.cuts[1].count == 12);
	model_free(model);
}

static void a_docker_socket_is_a_note_but_no_gap(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = "/var/run/docker.sock" };
	start_simple_run();
	add_socket_call(1, "connect", "socket:[9]", 0, ATTACH_DATA,
			bytes_of((char *)&address, sizeof address));
	end_simple_run();
	CHECK(coverage_has(&model->coverage, 1, "daemon-socket"));
	CHECK(model->coverage.complete);
	model_free(model);
}

static void strange_events_do_no_harm(void)
{
	start_simple_run();
	add_fork(7, 9);
	add_fork(9, 7);
	add_fork(5, 5);
	struct event event = call_of(3, "read", 0);
	event.syscall.number = 0x12345678;
	event.syscall.abi = 77;
	take(&event);
	CHECK(model_finish(model) == 0);
	CHECK(model->proctree.count == 5);
	unsigned depth, walked = 0;
	for (const struct process *process = proctree_next(&model->proctree, NULL, &depth); process;
	     process = proctree_next(&model->proctree, process, &depth))
		walked++;
	CHECK(walked == 5);
	CHECK(coverage_has(&model->coverage, 3, "unknown-birth") && !coverage_has(&model->coverage, 5, "unknown-birth"));
	free(report_text_of("json"));
	free(report_text_of("text"));
	free(report_text_of("summary"));
	model_free(model);
}

static void an_argv_that_was_cut_is_noted(void)
{
	start_simple_run();
	struct event event = event_of(EVENT_EXEC, 1);
	event.exec = (struct event_exec){ .path = TEXT("/bin/true"), .argv = VECTOR("true"), .argv_truncated = true };
	take(&event);
	end_simple_run();
	CHECK(coverage_has(&model->coverage, 1, "truncated-argv") && !model->coverage.complete);
	model_free(model);
}

static void readers_and_writers_are_sets(void)
{
	start_simple_run();
	for (uint32_t round = 0; round < 50; round++)
		for (uint32_t process = 20; process > 0; process--)
			add_open(process, "/shared", O_RDONLY, 3, 0);
	CHECK(model_finish(model) == 0);
	const struct id_set *readers = &file_at("/shared")->readers;
	CHECK(readers->count == 20 && readers->capacity <= 64);
	for (uint32_t i = 0; i < readers->count; i++)
		CHECK(readers->ids[i] == i + 1);
	model_free(model);
}

static void hostile_names_cannot_drive_a_terminal(void)
{
	static const char name[] = "/tmp/\033[2J\r\n\xff\xc2\x9b\xe2\x80\xae\\x";
	start_simple_run();
	add_open(1, name, O_WRONLY | O_CREAT, 3, 0);
	end_simple_run();
	char *reports[] = { report_text_of("text"), report_text_of("summary") };
	for (size_t i = 0; i < 2; i++) {
		CHECK(holds(reports[i], "/tmp/\\x1b[2J\\r\\n\\xff\\u{9b}\\u{202e}\\\\x"));
		CHECK(!strchr(reports[i], '\033') && !strchr(reports[i], '\r'));
		free(reports[i]);
	}
	model_free(model);
}

static void json_text_is_utf8_with_exact_bytes_beside_it(void)
{
	static const char name[] = "/a\xff\xe2\x82z\xed\xa0\x80\n\"";
	start_simple_run();
	add_open(1, name, O_RDONLY, 3, 0);
	end_simple_run();
	char *json = report_text_of("json");
	CHECK(json_is_utf8(bytes_of_string(json)));
	CHECK(holds(json, "\"path\": \"/a\xef\xbf\xbd\xef\xbf\xbdz\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\\n\\\"\""));
	CHECK(holds(json, "\"path_bytes\": \"L2H/4oJ67aCACiI=\""));
	free(json);
	model_free(model);
}

static void words_are_quoted_as_a_shell_reads_them(void)
{
	struct strbuf out = { 0 };
	plain_add_command(&out, VECTOR("ls\0a b\0\0it's\0n\nl"), 0);
	CHECK(out.data && strcmp(out.data, "ls 'a b' '' 'it'\\''s' $'n\\nl'") == 0);
	strbuf_free(&out);
}

static void the_summary_has_at_most_forty_lines(void)
{
	start_simple_run();
	for (int i = 0; i < 200; i++) {
		char path[32];
		struct sockaddr_in address;
		snprintf(path, sizeof path, "/out/%d", i);
		add_open(1, path, O_WRONLY | O_CREAT, 3, 0);
		snprintf(path, sizeof path, "/old/%d", i);
		add_path_call(1, "unlink", 0, path, i % 2 ? 0 : -EACCES);
		add_path_call(1, i % 3 ? "mkdir" : "chmod", 0, path, i % 4 ? -EPERM : -EACCES);
		add_socket_call(1, "connect", "socket:[9]", 0, ATTACH_DATA,
				loopback(&address, (uint16_t)(1 + i)));
		add_fork((uint32_t)i + 2, 1);
		add_exec((uint32_t)i + 2, path, VECTOR("x"), VECTOR("A=1"));
	}
	CHECK(model_finish(model) == 0);
	char *summary = report_text_of("summary");
	unsigned lines = 0;
	for (const char *at = summary; *at; at++)
		lines += *at == '\n';
	CHECK(lines > 20 && lines <= 38);
	free(summary);
	model_free(model);
}

static void formats_are_found_by_the_longest_suffix(void)
{
	CHECK(report_format_by_path("run.json") == report_format_by_name("json"));
	CHECK(report_format_by_path("run.jsonl") == report_format_by_name("ndjson"));
	CHECK(report_format_by_path("run.txt") == report_format_by_name("text"));
	CHECK(report_format_by_path("run.strace") == report_format_by_name("strace"));
	CHECK(!report_format_by_path("run.ptw") && !report_format_by_name("ptw"));
}

static void tables_have_no_empty_and_no_double_lines(void)
{
	for (size_t i = 0; file_call_at(i); i++) {
		CHECK(syscall_number(ABI_X86_64, file_call_at(i)->name) >= 0 ||
		      syscall_number(ABI_I386, file_call_at(i)->name) >= 0);
		CHECK(file_call_by_name(file_call_at(i)->name) == file_call_at(i));
	}
	for (size_t i = 0; network_call_at(i); i++)
		CHECK(network_call_by_name(network_call_at(i)->name) == network_call_at(i));
	for (size_t i = 0; coverage_kind_at(i); i++) {
		const struct coverage_kind *kind = coverage_kind_at(i);
		CHECK(kind->word[0] && kind->meaning[0]);
		CHECK(coverage_kind_by_word(bytes_of_string(kind->word)) == kind);
	}
	for (size_t op = 0; op < FILE_OPS; op++)
		CHECK(file_op_words[op] && file_op_words[op][0]);
}

/* ---- golden reports ---- */

static void make_golden_run(void)
{
	struct sockaddr_in address;
	start_simple_run();
	add_fork(2, 1);
	add_exec(2, "/usr/bin/cc", VECTOR("cc\0-c\0a file.c"), VECTOR("HOME=/root\0PATH=/usr/bin"));
	add_open(2, "/src/a file.c", O_RDONLY, 3, 0);
	add_open(2, "/usr/include/none.h", O_RDONLY, -ENOENT, 0);
	add_open(2, "/src/a.tmp", O_WRONLY | O_CREAT | O_TRUNC, 4, 0);
	add_rename(2, "/src/a.tmp", "/src/a.o", 0);
	add_path_call(2, "chmod", 0, "/etc/passwd", -EPERM);
	add_exit(2, 0);
	add_fork(3, 1);
	add_socket(3, "socket:[7]", AF_INET, SOCK_STREAM);
	add_socket_call(3, "connect", "socket:[7]", 0, ATTACH_DATA, loopback(&address, 4226));
	add_signal(3, SIGSEGV, 0);
	add_exit(3, SIGSEGV | 0x80);
	add_exit(1, 2 << 8);
	add_end(2 << 8);
	CHECK(model_finish(model) == 0);
}

/* The same, in a recording too, which recording_fd then is. */
static void record_golden_run(void)
{
	recording_fd = memfd_create("recording", MFD_CLOEXEC);
	recording = recording_create(recording_fd, 0);
	recording_too = true;
	make_golden_run();
	recording_too = false;
	CHECK(recording_flush(recording) == 0);
	recording_destroy(recording);
	recording = NULL;
}

static void forget_golden_run(void)
{
	model_free(model);
	close(recording_fd);
	recording_fd = -1;
}

static char *read_file(const char *path)
{
	char *text = calloc(1, 1 << 20);
	FILE *in = fopen(path, "r");
	if (in && text && fread(text, 1, (1 << 20) - 1, in) == 0)
		text[0] = '\0';
	if (in)
		fclose(in);
	return text;
}

/* The reports of a small run are those in tests/golden (UPDATE_GOLDEN=1 writes them anew). */
static void reports_are_as_they_were(void)
{
	static const char *const formats[] = { "json", "text", "summary", "ndjson", "strace" };
	record_golden_run();
	for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
		char path[64];
		snprintf(path, sizeof path, "tests/golden/model.%s", formats[i]);
		char *made = report_text_of(formats[i]);
		if (getenv("UPDATE_GOLDEN")) {
			FILE *out = fopen(path, "w");
			CHECK(out && fputs(made, out) >= 0 && fclose(out) == 0);
		}
		char *golden = read_file(path);
		CHECK(golden && strcmp(made, golden) == 0);
		free(golden);
		free(made);
	}
	forget_golden_run();
}

/* Live and --read take the same road. */
static void a_recording_gives_the_same_report_as_its_events(void)
{
	enum recording_status status;
	record_golden_run();
	char *live = report_text_of("json");
	model_free(model);
	struct recording_reader *reader = recording_reader_open(recording_fd);
	model = model_read(reader, &status);
	recording_reader_close(reader);
	CHECK(model && status == RECORDING_WHOLE);
	char *read = report_text_of("json");
	CHECK(strcmp(live, read) == 0);
	free(live);
	free(read);
	forget_golden_run();
}

int main(void)
{
	opens_become_reads_writes_and_creates();
	directories_are_listed_not_read();
	renames_stand_on_both_names();
	calls_on_descriptors_name_files_but_not_sockets();
	path_calls_have_the_op_of_their_name();
	another_root_makes_another_entry();
	a_path_of_unknown_place_is_noted_not_guessed();
	environments_differ_from_the_calling_image();
	usage_includes_children_where_there_were_any();
	comm_is_inherited_and_cut_to_fifteen_bytes();
	connects_are_counted_by_peer_and_errno();
	listen_has_the_address_of_its_bind();
	bytes_belong_to_the_connection_whoever_moves_them();
	equal_signals_fold_and_the_deadly_one_is_fatal();
	calls_are_counted_by_name_with_their_errnos();
	failed_execs_are_kept_in_order();
	level_exec_has_processes_only();
	trace_leaves_out_sections_that_it_does_not_ask_for();
	a_recording_without_end_is_not_complete();
	a_process_that_outlives_the_audit_is_named();
	what_was_cut_or_lost_is_not_complete();
	a_docker_socket_is_a_note_but_no_gap();
	strange_events_do_no_harm();
	an_argv_that_was_cut_is_noted();
	readers_and_writers_are_sets();
	hostile_names_cannot_drive_a_terminal();
	json_text_is_utf8_with_exact_bytes_beside_it();
	words_are_quoted_as_a_shell_reads_them();
	the_summary_has_at_most_forty_lines();
	formats_are_found_by_the_longest_suffix();
	tables_have_no_empty_and_no_double_lines();
	reports_are_as_they_were();
	a_recording_gives_the_same_report_as_its_events();
	if (!failures)
		printf("ok %d\n", checks);
	return failures != 0;
}
