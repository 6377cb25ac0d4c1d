/* Files and what was done to them: see files.h.
 *
 * What an open for reading opened is often not said by the call: a directory opened without
 * O_DIRECTORY is no `read`. So each entry gathers proofs of what it was (a listing, a stat, a
 * name below it), and files_finish decides. It also decides what the name of a descriptor meant
 * that ends in " (deleted)": a file of that name, if somebody named it by a path, else what was
 * deleted. */
#include "model/files.h"

#include "model/attachments.h"
#include "model/calls.h"
#include "syscall.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>

enum action { OPEN, OPEN2, CREAT, OPEN_HANDLE, BY_PATH, BY_FD, RENAME, LINK, MAP, ACTIONS };

/* What a success proves; STAT and STATX: what the mode in the answer says. */
enum proof { PROOF_NONE, PROOF_FILE, PROOF_DIRECTORY, PROOF_STAT, PROOF_STATX, PROOF_REMOVAL };

enum { WAS_FILE = 1, WAS_DIRECTORY = 2 };

/* Where the file type stands in struct stat (x86_64) and struct statx. */
enum { STAT_MODE_OFFSET = 24, STATX_MODE_OFFSET = 28 };

const char *const file_op_words[FILE_OPS] = {
#define FILE_OP(op, word) [FILE_##op##_NUMBER] = word,
#include "model/fileops.def"
#undef FILE_OP
};

enum { FILE_0 = 0 /* filecalls.def: a success adds no op */ };

static const struct file_call file_calls[] = {
#define FILE_CALL(call, act, bit, path, second, what) \
	{ .name = #call, .action = act, .op = FILE_##bit, .arg = path, .other = second, \
	  .proof = PROOF_##what },
#include "model/filecalls.def"
#undef FILE_CALL
};

const struct file_call *file_call_at(size_t position)
{
	return position < sizeof file_calls / sizeof *file_calls ? &file_calls[position] : NULL;
}

const struct file_call *file_call_by_name(const char *name)
{
	for (size_t i = 0; i < sizeof file_calls / sizeof *file_calls; i++)
		if (strcmp(file_calls[i].name, name) == 0)
			return &file_calls[i];
	return NULL;
}

void files_init(struct files *files, struct store *store)
{
	files->store = store;
}

/* ---- sets of processes ---- */

static int compare_ids(const void *a, const void *b)
{
	uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;
	return (left > right) - (left < right);
}

static void id_set_tidy(struct id_set *set)
{
	uint32_t kept = 0;
	if (set->count > 1)
		qsort(set->ids, set->count, sizeof *set->ids, compare_ids);
	for (uint32_t i = 0; i < set->count; i++)
		if (i == 0 || set->ids[i] != set->ids[kept - 1])
			set->ids[kept++] = set->ids[i];
	set->count = kept;
}

/* Repetitions are taken out when the room is used up, so a set stays as small as its members. */
static void id_set_add(struct store *store, struct id_set *set, uint32_t id)
{
	if (set->count && set->ids[set->count - 1] == id)
		return;
	if (set->count == set->capacity) {
		id_set_tidy(set);
		uint32_t wanted = set->count * 4 > set->capacity * 3 ? set->capacity : set->count;
		if (!store_grow(store, &set->ids, wanted, &set->capacity, sizeof *set->ids))
			return;
	}
	set->ids[set->count++] = id;
}

/* ---- entries ---- */

/* The entry's key: its path, with the root in front where that is not ptwrap's own. */
static struct name *key_of(struct files *files, struct bytes root, struct bytes path)
{
	if (root.len == 0)
		return store_name(files->store, path);
	char *key = malloc(root.len + 1 + path.len);
	if (!key) {
		files->store->failed = true;
		return NULL;
	}
	memcpy(key, root.data, root.len);
	key[root.len] = '\0';
	if (path.len)
		memcpy(key + root.len + 1, path.data, path.len);
	struct name *name = store_name(files->store, bytes_of(key, root.len + 1 + path.len));
	free(key);
	return name;
}

static struct file *find_entry(struct files *files, struct bytes root, struct bytes path)
{
	struct name *key = key_of(files, root, path);
	if (!key || key->file)
		return key ? key->file : NULL;
	if (!store_grow(files->store, &files->list, files->count, &files->capacity,
			sizeof *files->list))
		return NULL;
	struct file *file = store_alloc(files->store, sizeof *file);
	if (!file)
		return NULL;
	file->path = root.len ? store_name(files->store, path) : key;
	file->root = root.len ? store_name(files->store, root) : NULL;
	files->list[files->count++] = file;
	return key->file = file;
}

static struct file *find_file(struct files *files, struct bytes root, struct bytes path)
{
	struct file *file = find_entry(files, root, path);
	if (file)
		file->named = true;
	return file;
}

static void keep_latest(struct dated_name *dated, const struct name *name, uint64_t at_ns)
{
	if (!name || (dated->name && at_ns < dated->at_ns))
		return;
	*dated = (struct dated_name){ name, at_ns };
}

static struct bytes root_of(const struct event_syscall *syscall)
{
	return syscall->flags & SYSCALL_OTHER_ROOT ? syscall->root : bytes_of(NULL, 0);
}

/* Does a name from /proc/PID/fd belong to a file, or to what only looks like one? */
static bool is_file_name(struct bytes name)
{
	static const char *const unnamed[] = { "/memfd:", "/SYSV", "/anon_hugepage", "/dmabuf:" };
	for (size_t i = 0; i < sizeof unnamed / sizeof *unnamed; i++)
		if (bytes_begin_with(name, unnamed[i]))
			return false;
	return name.len > 0 && name.data[0] == '/';
}

/* The file that a name from /proc/PID/fd means, seen from `root`: false for what is no file. */
static bool path_of_descriptor(struct bytes root, struct bytes *name)
{
	static const char deleted[] = " (deleted)";
	size_t tail = sizeof deleted - 1;
	if (!is_file_name(*name))
		return false;
	if (name->len > tail && memcmp(name->data + name->len - tail, deleted, tail) == 0)
		name->len -= tail;
	if (root.len > 1 && name->len > root.len && memcmp(name->data, root.data, root.len) == 0 &&
	    name->data[root.len] == '/')
		*name = bytes_of(name->data + root.len, name->len - root.len);
	return true;
}

static struct file *file_of_fd(struct files *files, const struct event_syscall *syscall,
			       unsigned arg)
{
	struct bytes name, root = root_of(syscall);
	if (!attachment_bytes(syscall, ATTACH_FD, arg, &name))
		return NULL;
	if (!root.len)
		return name.len && name.data[0] == '/' ? find_entry(files, root, name) : NULL;
	return path_of_descriptor(root, &name) ? find_file(files, root, name) : NULL;
}

/* A call given no path, or an empty one, means the descriptor beside it. */
static bool means_descriptor(const struct event_syscall *syscall, const struct call_kind *kind,
			     unsigned arg)
{
	struct bytes path;
	if (kind->desc->args[arg].other >= 6)
		return false;
	if (attachment_bytes(syscall, ATTACH_PATH, arg, &path))
		return path.len == 0;
	return syscall->args[arg] == 0;
}

/* The entry that a path argument names; NULL where its place is not known. */
static struct file *file_of_path(struct files *files, const struct event *event,
				 const struct call_kind *kind, unsigned arg)
{
	const struct event_syscall *syscall = &event->syscall;
	struct bytes path;
	if (!attachment_bytes(syscall, ATTACH_ABS, arg, &path)) {
		if (kind->file->op == FILE_STAT || !means_descriptor(syscall, kind, arg))
			return NULL;
		return file_of_fd(files, syscall, kind->desc->args[arg].other);
	}
	struct file *file = find_file(files, root_of(syscall), path);
	struct bytes target;
	if (file && attachment_bytes(syscall, ATTACH_TARGET, arg, &target) && is_file_name(target) &&
	    !bytes_equal(target, name_bytes(file->path)))
		keep_latest(&file->target, store_name(files->store, target), event->t_ns);
	return file;
}

/* ---- what calls do ---- */

static void prove(struct file *file, const struct event_syscall *syscall,
		  const struct file_call *call)
{
	static const uint8_t proven[] = {
		[PROOF_FILE] = WAS_FILE, [PROOF_DIRECTORY] = WAS_DIRECTORY, [PROOF_STATX] = 0,
	};
	bool extended = call->proof == PROOF_STATX;
	if (call->proof == PROOF_REMOVAL) {
		file->proofs |= syscall->args[2] & AT_REMOVEDIR ? WAS_DIRECTORY : WAS_FILE;
		return;
	}
	file->proofs |= proven[call->proof];
	if (!extended && (call->proof != PROOF_STAT || syscall->abi != ABI_X86_64))
		return;
	size_t offset = extended ? STATX_MODE_OFFSET : STAT_MODE_OFFSET;
	for (unsigned i = 0; i < syscall->attach_count; i++) {
		const struct attach *attach = &syscall->attach[i];
		uint16_t mode;
		if (attach->kind != ATTACH_DATA_OUT || attach->bytes.len < offset + sizeof mode)
			continue;
		memcpy(&mode, attach->bytes.data + offset, sizeof mode);
		file->proofs |= S_ISDIR(mode) ? WAS_DIRECTORY : S_ISLNK(mode) ? 0 : WAS_FILE;
	}
}

static void take_open_flags(struct files *files, struct file *file, const struct event *event,
			    uint64_t flags)
{
	const struct event_syscall *syscall = &event->syscall;
	bool readable = (flags & O_ACCMODE) == O_RDONLY || (flags & O_ACCMODE) == O_RDWR;
	bool writable = (flags & O_ACCMODE) == O_WRONLY || (flags & O_ACCMODE) == O_RDWR;
	if ((flags & O_DIRECTORY) || (syscall->flags & SYSCALL_DIRECTORY)) {
		file->proofs |= WAS_DIRECTORY;
		return;
	}
	if (flags & O_PATH)
		return;
	if ((flags & O_CREAT) && ((flags & O_EXCL) || !(syscall->flags & SYSCALL_EXISTED)))
		file->ops |= FILE_CREATE;
	struct bytes opened;
	bool was_looked_at = !(syscall->flags & SYSCALL_FROM_SHIM) &&
			     attachment_bytes(syscall, ATTACH_FD, ATTACH_RETURN, &opened);
	if (writable || (flags & O_CREAT) || was_looked_at)
		file->proofs |= WAS_FILE;
	if (readable) {
		file->ops |= FILE_READ;
		id_set_add(files->store, &file->readers, event->process);
	}
	if (writable) {
		file->ops |= FILE_WRITE;
		id_set_add(files->store, &file->writers, event->process);
	}
}

static void take_open(struct files *files, const struct event *event, const struct call_kind *kind)
{
	struct file *file = file_of_path(files, event, kind, kind->file->arg);
	if (file)
		take_open_flags(files, file, event, event->syscall.args[kind->file->other]);
}

static void take_open2(struct files *files, const struct event *event, const struct call_kind *kind)
{
	struct bytes how;
	uint64_t flags;
	struct file *file = file_of_path(files, event, kind, kind->file->arg);
	if (!file || !attachment_bytes(&event->syscall, ATTACH_DATA, kind->file->other, &how) ||
	    how.len < sizeof flags)
		return;
	memcpy(&flags, how.data, sizeof flags);
	take_open_flags(files, file, event, flags);
}

static void take_creat(struct files *files, const struct event *event, const struct call_kind *kind)
{
	struct file *file = file_of_path(files, event, kind, kind->file->arg);
	if (file)
		take_open_flags(files, file, event, O_WRONLY | O_CREAT | O_TRUNC);
}

static void take_open_handle(struct files *files, const struct event *event,
			     const struct call_kind *kind)
{
	struct file *file = file_of_fd(files, &event->syscall, ATTACH_RETURN);
	if (file)
		take_open_flags(files, file, event, event->syscall.args[kind->file->other]);
}

static void take_file(struct files *files, struct file *file, const struct event *event,
		      const struct file_call *call)
{
	if (!file)
		return;
	file->ops |= call->op;
	prove(file, &event->syscall, call);
	if (call->op == FILE_TRUNCATE)
		id_set_add(files->store, &file->writers, event->process);
}

static void take_by_path(struct files *files, const struct event *event,
			 const struct call_kind *kind)
{
	struct file *file = file_of_path(files, event, kind, kind->file->arg);
	take_file(files, file, event, kind->file);
}

static void take_by_fd(struct files *files, const struct event *event, const struct call_kind *kind)
{
	take_file(files, file_of_fd(files, &event->syscall, kind->file->arg), event, kind->file);
}

static void take_rename(struct files *files, const struct event *event,
			const struct call_kind *kind)
{
	struct file *from = file_of_path(files, event, kind, kind->file->arg);
	struct file *to = file_of_path(files, event, kind, kind->file->other);
	if (from)
		from->ops |= FILE_RENAME;
	if (to)
		to->ops |= FILE_RENAME;
	if (!from || !to)
		return;
	keep_latest(&from->renamed_to, to->path, event->t_ns);
	keep_latest(&to->renamed_from, from->path, event->t_ns);
}

static void take_link(struct files *files, const struct event *event, const struct call_kind *kind)
{
	struct file *to = file_of_path(files, event, kind, kind->file->other);
	if (to)
		to->ops |= FILE_LINK;
}

static void take_map(struct files *files, const struct event *event, const struct call_kind *kind)
{
	const uint64_t *args = event->syscall.args;
	if ((args[2] & PROT_EXEC) && !(args[3] & MAP_ANONYMOUS))
		take_by_fd(files, event, kind);
}

static void (*const actions[ACTIONS])(struct files *, const struct event *,
				      const struct call_kind *) = {
	[OPEN] = take_open,     [OPEN2] = take_open2,           [CREAT] = take_creat,
	[BY_PATH] = take_by_path, [OPEN_HANDLE] = take_open_handle, [BY_FD] = take_by_fd,
	[RENAME] = take_rename, [LINK] = take_link,             [MAP] = take_map,
};

static void take_missing(struct files *files, const struct event *event,
			 const struct call_kind *kind)
{
	struct bytes path;
	unsigned arg = kind->file->arg;
	bool by_fd = kind->file->action == BY_FD || kind->file->action == MAP;
	if (by_fd || kind->file->action == OPEN_HANDLE)
		return;
	if (attachment_bytes(&event->syscall, ATTACH_PATH, arg, &path) && path.len == 0)
		return;
	if (attachment_bytes(&event->syscall, ATTACH_ABS, arg, &path))
		files_add_missing(files, event, path);
}

void files_add_call(struct files *files, const struct event *event, const struct call_kind *kind)
{
	int error = errno_of(event->syscall.ret);
	if (event->syscall.flags & SYSCALL_NO_RETURN)
		return;
	if (error == ENOENT || error == ENOTDIR)
		take_missing(files, event, kind);
	else if (!error)
		actions[kind->file->action](files, event, kind);
}

void files_add_missing(struct files *files, const struct event *event, struct bytes path)
{
	struct file *file = find_entry(files, root_of(&event->syscall), path);
	if (!file)
		return;
	file->ops |= FILE_MISSING;
	file->missing_count += file->missing_count < UINT32_MAX;
}

void files_add_bound(struct files *files, const struct event *event, struct bytes path)
{
	struct file *file = find_file(files, root_of(&event->syscall), path);
	if (!file)
		return;
	file->ops |= FILE_CREATE;
	file->proofs |= WAS_FILE;
}

/* Without an interpreter the file that runs is where the path's links led. */
static void set_exec_target(struct files *files, const struct event *event, struct bytes root)
{
	const struct event_exec *exec = &event->exec;
	struct file *file = exec->interpreter.len ? NULL : find_file(files, root, exec->path);
	struct bytes exe = exec->exe;
	if (file && path_of_descriptor(root, &exe) && !bytes_equal(exe, exec->path))
		keep_latest(&file->ran, store_name(files->store, exe), event->t_ns);
}

void files_add_exec(struct files *files, const struct event *event)
{
	const struct event_exec *exec = &event->exec;
	const struct bytes images[] = { exec->path, exec->interpreter, exec->loader };
	struct bytes root = exec->flags & EXEC_OTHER_ROOT ? exec->root : bytes_of(NULL, 0);
	set_exec_target(files, event, root);
	for (size_t i = 0; i < sizeof images / sizeof *images; i++) {
		if (!is_file_name(images[i]))
			continue;
		struct file *file = find_file(files, root, images[i]);
		if (!file)
			continue;
		file->ops |= FILE_EXEC;
		file->proofs |= WAS_FILE;
	}
}

/* ---- the end ---- */

static void add_ids(struct files *files, struct id_set *set, const struct id_set *more)
{
	for (uint32_t i = 0; i < more->count; i++)
		id_set_add(files->store, set, more->ids[i]);
}

/* What was done to a descriptor of this name was done to another file, or to none. */
static void resolve_descriptor(struct files *files, struct file *file)
{
	struct bytes path = name_bytes(file->path);
	if (file->named || file->root)
		return;
	struct file *meant = path_of_descriptor(bytes_of(NULL, 0), &path) ?
		find_entry(files, bytes_of(NULL, 0), path) : NULL;
	if (meant == file)
		return;
	if (meant) {
		meant->ops |= file->ops & ~(uint32_t)FILE_MISSING;
		meant->proofs |= file->proofs;
		add_ids(files, &meant->readers, &file->readers);
		add_ids(files, &meant->writers, &file->writers);
	}
	file->ops &= FILE_MISSING;
	file->readers.count = file->writers.count = 0;
}

/* What has names below it is a directory. */
static void prove_parent(struct files *files, const struct file *file)
{
	const char *slash = memrchr(file->path->data, '/', file->path->len);
	if (file->root || !(file->ops & ~(uint32_t)FILE_MISSING) || !slash)
		return;
	size_t len = (size_t)(slash - file->path->data);
	const struct name *parent =
		store_find_name(files->store, bytes_of(file->path->data, len ? len : 1));
	if (parent && parent->file)
		parent->file->proofs |= WAS_DIRECTORY;
}

static void settle(struct files *files, struct file *file)
{
	if ((file->proofs & WAS_DIRECTORY) && !(file->proofs & WAS_FILE)) {
		file->ops &= ~(uint32_t)FILE_READ;
		file->readers.count = 0;
	}
	if (!file->target.name)
		file->target = file->ran;
	id_set_tidy(&file->readers);
	id_set_tidy(&file->writers);
	files->read_count += (file->ops & FILE_READ) != 0;
	files->written_count += (file->ops & FILE_WRITE) != 0;
}

static int compare_files(const void *a, const void *b)
{
	const struct file *left = *(struct file *const *)a, *right = *(struct file *const *)b;
	int order = bytes_compare(name_bytes(left->path), name_bytes(right->path));
	return order ? order : bytes_compare(name_bytes(left->root), name_bytes(right->root));
}

void files_finish(struct files *files)
{
	uint32_t kept = 0, met = files->count;
	for (uint32_t i = 0; i < met; i++)
		resolve_descriptor(files, files->list[i]);
	for (uint32_t i = 0; i < files->count; i++)
		prove_parent(files, files->list[i]);
	for (uint32_t i = 0; i < files->count; i++) {
		settle(files, files->list[i]);
		if (files->list[i]->ops)
			files->list[kept++] = files->list[i];
	}
	files->count = kept;
	if (kept > 1)
		qsort(files->list, kept, sizeof *files->list, compare_files);
}
