/* Programs and mappings, as they are judged.
 *
 * At the call a program is known by name only: what its path leads to, the interpreter of its #! line, and
 * their loaders are looked up as the kernel will. That is a courtesy, for an errno in place of a death; between
 * look-up and exec all of it may change. What holds is judged_gather_image: by then the files are open. */
#include "judged.h"

#include "call.h"
#include "mapping.h"
#include "mountspace.h"
#include "peek.h"
#include "procfs.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

enum { LINE_BYTES = 256, HEAD_BYTES = 4096, SCRIPTS_MAX = 5, OLD_MMAP_WORDS = 6, PAGE = 4096, HEADERS_MAX = 64 };

static void fail(struct judged *judged, int error)
{
	if (!judged->error)
		judged->error = error;
}

/* ---- by name ---- */

/* Where ptwrap can open what the process calls by that name, which holds no links. */
static void open_path_of(const struct place *place, struct bytes name, char path[PATH_MAX])
{
	char root[PROCFS_PATH] = "";
	if (place->root || place->other_mounts)
		procfs_path(root, place->tid, "root");
	snprintf(path, PATH_MAX, "%s%.*s", root, (int)name.len, name.data);
}

/* How a file begins. */
struct beginning {
	int fd;
	size_t len;
	_Alignas(Elf64_Ehdr) char bytes[HEAD_BYTES];
};

/* All of what stands there in the file; mostly it is among its first bytes. */
static bool read_at(const struct beginning *file, void *out, size_t len, uint64_t offset)
{
	if (offset <= file->len && len <= file->len - offset) {
		memcpy(out, file->bytes + offset, len);
		return true;
	}
	return pread(file->fd, out, len, (off_t)offset) == (ssize_t)len;
}

/* The path of the loader that an ELF file of either class asks for. */
static bool find_loader(const struct beginning *file, char loader[PATH_MAX])
{
	bool wide = file->bytes[EI_CLASS] == ELFCLASS64;
	const Elf64_Ehdr *header64 = (const Elf64_Ehdr *)file->bytes;
	const Elf32_Ehdr *header32 = (const Elf32_Ehdr *)file->bytes;
	size_t count = wide ? header64->e_phnum : header32->e_phnum;
	for (size_t i = 0; i < count && i < HEADERS_MAX; i++) {
		Elf64_Phdr entry64 = { 0 };
		Elf32_Phdr entry32 = { 0 };
		bool got = wide ? read_at(file, &entry64, sizeof entry64, header64->e_phoff + i * sizeof entry64) :
				  read_at(file, &entry32, sizeof entry32, header32->e_phoff + i * sizeof entry32);
		uint32_t type = wide ? entry64.p_type : entry32.p_type;
		uint64_t offset = wide ? entry64.p_offset : entry32.p_offset;
		uint64_t len = wide ? entry64.p_filesz : entry32.p_filesz;
		if (!got || type != PT_INTERP)
			continue;
		return len > 1 && len < PATH_MAX && read_at(file, loader, len, offset) && loader[len - 1] == '\0';
	}
	return false;
}

/* The word behind #!, as fs/binfmt_script.c takes it. */
static bool find_interpreter(const struct beginning *file, char interpreter[PATH_MAX])
{
	char head[LINE_BYTES];
	size_t len = file->len < sizeof head ? file->len : sizeof head - 1;
	memcpy(head, file->bytes, len);
	head[len] = '\0';
	char *word = head + 2 + strspn(head + 2, " \t");
	size_t word_len = strcspn(word, " \t\n");
	if (!word_len)
		return false;
	memcpy(interpreter, word, word_len);
	interpreter[word_len] = '\0';
	return true;
}

/* What the file at that place needs to be run; false: nothing, or it cannot be told. *script: it is the interpreter. */
static bool find_needed(const char *open_path, char needed[PATH_MAX], bool *script)
{
	struct beginning file;
	struct stat status;
	bool found = false;
	file.fd = open(open_path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	bool readable = file.fd >= 0 && fstat(file.fd, &status) == 0 && S_ISREG(status.st_mode);
	ssize_t len = readable ? pread(file.fd, file.bytes, sizeof file.bytes, 0) : 0;
	file.len = len > 0 ? (size_t)len : 0;
	*script = file.len > 2 && file.bytes[0] == '#' && file.bytes[1] == '!';
	if (*script)
		found = find_interpreter(&file, needed);
	else if (file.len >= sizeof(Elf64_Ehdr) && memcmp(file.bytes, ELFMAG, SELFMAG) == 0)
		found = find_loader(&file, needed);
	if (file.fd >= 0)
		close(file.fd);
	return found;
}

/* The file that a name leads to now; open_path: where ptwrap can open it. False: none, as the kernel will find too. */
static bool add_name(const struct place *place, struct judged *judged, struct bytes name, char open_path[PATH_MAX])
{
	struct strbuf target = { 0 }, outside = { 0 };
	bool found = resolve_links(place, name, &target);
	if (found) {
		resolve_outside(place, strbuf_bytes(&target), &outside);
		open_path_of(place, strbuf_bytes(&target), open_path);
		fail(judged, judged_add_file(judged, place->tid, strbuf_bytes(&outside), open_path, false));
	}
	strbuf_free(&target);
	strbuf_free(&outside);
	return found;
}

/* The program, then what it needs, and that in turn; a loader needs nothing more. */
static void add_program(const struct place *place, struct judged *judged, struct bytes absolute)
{
	char open_path[PATH_MAX], needed[PATH_MAX];
	struct strbuf name = { 0 }, base = { 0 };
	bool script = true;
	strbuf_add(&name, absolute.data, absolute.len);
	for (int depth = 0; depth <= SCRIPTS_MAX && add_name(place, judged, strbuf_bytes(&name), open_path); depth++) {
		if (judged->error || !script || !find_needed(open_path, needed, &script))
			break;
		strbuf_reset(&name);
		if (needed[0] != '/' && !base.len)
			resolve_base(place, AT_FDCWD, &base);
		resolve_absolute(place, strbuf_bytes(&base), bytes_of_string(needed), &name);
	}
	strbuf_free(&name);
	strbuf_free(&base);
}

/* met: the mount that it lies on is known. */
static void add_descriptor(const struct place *place, struct judged *judged, int fd, bool met)
{
	char path[PROCFS_PATH], link[PROCFS_LINK];
	procfs_fd_path(path, place->tid, fd);
	ssize_t len = procfs_fd_link(place->tid, fd, link, sizeof link);
	if (len > 0 && link[0] == '/')
		fail(judged, judged_add_file(judged, place->tid, bytes_of(link, (size_t)len), path, met));
}

static void gather_program(const struct place *place, const struct call *call, struct judged *judged)
{
	unsigned arg = judged->row->arg;
	struct bytes absolute, path;
	bool named = call_find(call, ATTACH_PATH, arg, &path) && path.len;
	if (named && call_find(call, ATTACH_ABS, arg, &absolute))
		add_program(place, judged, absolute);
	else if (!named && arg > 0)
		add_descriptor(place, judged, (int)call->event.syscall.args[0], false);
}

/* ---- mappings ---- */

static bool is_shim(const struct judged *judged, dev_t device, ino_t inode)
{
	return judged->shim && judged->shim->device == device && judged->shim->inode == inode;
}

/* The digest is that of the mapped file, or there is none. */
static void add_mapping(const struct place *place, struct judged *judged, const struct mapping *mapping)
{
	char path[PATH_MAX + PROCFS_PATH];
	struct stat status;
	char root[PROCFS_PATH];
	if (is_shim(judged, mapping->device, mapping->inode)) {
		judged->is_own = true;
		return;
	}
	for (unsigned i = 0; i < judged->file_count; i++)
		if (bytes_equal(strbuf_bytes(&judged->files[i].path), bytes_of_string(mapping->path)))
			return;
	procfs_path(root, place->tid, "root");
	snprintf(path, sizeof path, "%s%s", place->other_mounts ? root : "", mapping->path);
	int error = judged_add_file(judged, place->tid, bytes_of_string(mapping->path), path, false);
	bool hashed = judged->file_count && judged->files[judged->file_count - 1].hashed;
	if (!error && hashed && (stat(path, &status) || status.st_ino != mapping->inode || status.st_dev != mapping->device))
		error = -EACCES;
	fail(judged, error);
}

/* All files that are mapped between start and end. */
static void add_mappings(const struct place *place, struct judged *judged, uint64_t start, uint64_t end)
{
	char path[PROCFS_PATH], *line = NULL;
	size_t size = 0;
	procfs_path(path, place->tid, "maps");
	FILE *maps = fopen(path, "re");
	if (!maps)
		fail(judged, -EACCES);
	while (maps && getline(&line, &size, maps) > 0) {
		struct mapping mapping;
		if (!mapping_parse(line, &mapping)) {
			fail(judged, -EACCES);
			break;
		}
		if (mapping.end <= start || mapping.path[0] != '/')
			continue;
		if (mapping.start >= end)
			break;
		add_mapping(place, judged, &mapping);
	}
	free(line);
	if (maps)
		fclose(maps);
}

/* i386's older mmap has its arguments in memory: it is made as mmap2, which has them in registers. */
static bool become_mmap2(const struct place *place, struct judged *judged)
{
	uint32_t words[OLD_MMAP_WORDS];
	int error = peek_read_whole(place->tid, judged->args[0], words, sizeof words);
	if (!error && words[5] % PAGE)
		error = -EINVAL;
	if (error) {
		fail(judged, error == -EFAULT || error == -EINVAL ? error : -EACCES);
		return false;
	}
	for (int i = 0; i < OLD_MMAP_WORDS; i++)
		judged->args[i] = i < 5 ? words[i] : words[i] / PAGE;
	judged->number = (uint32_t)syscall_number(ABI_I386, "mmap2");
	judged->is_made_otherwise = true;
	return true;
}

/* Does that task's personality make whatever can be read executable? Old 32-bit programs' does. */
static bool reads_imply_exec(pid_t tid)
{
	char path[PROCFS_PATH];
	unsigned long persona = 0;
	procfs_path(path, tid, "personality");
	FILE *file = fopen(path, "re");
	if (!file || fscanf(file, "%lx", &persona) != 1)
		persona = 0x0400000;
	if (file)
		fclose(file);
	return persona & 0x0400000; /* READ_IMPLIES_EXEC */
}

static void gather_mapping(const struct place *place, const struct call *call, struct judged *judged)
{
	char path[PROCFS_PATH];
	struct statx status;
	bool old = call->event.syscall.abi == ABI_I386;
	if (strcmp(judged->row->name, "old_mmap") == 0 && !become_mmap2(place, judged))
		return;
	uint64_t prot = judged->args[2];
	int fd = (int)judged->args[4];
	if ((judged->args[3] & MAP_ANONYMOUS) ||
	    !((prot & PROT_EXEC) || (old && (prot & PROT_READ) && reads_imply_exec(place->tid))))
		return;
	procfs_fd_path(path, place->tid, fd);
	bool met = mountspace_has_met(path, &status);
	judged->is_own = (status.stx_mask & STATX_INO) &&
			 is_shim(judged, makedev(status.stx_dev_major, status.stx_dev_minor), status.stx_ino);
	if (!judged->is_own)
		add_descriptor(place, judged, fd, met);
}

static uint64_t range_end(uint64_t start, uint64_t len)
{
	return start + len < start ? UINT64_MAX : start + len;
}

void judged_gather_exec(const struct place *place, const struct call *call, struct judged *judged)
{
	judged->number = call->event.syscall.number;
	memcpy(judged->args, call->event.syscall.args, sizeof judged->args);
	switch ((enum judged_object)judged->row->object) {
	case JUDGED_PROGRAM:
		gather_program(place, call, judged);
		break;
	case JUDGED_MAPPING:
		gather_mapping(place, call, judged);
		break;
	case JUDGED_MAPPED:
		add_mappings(place, judged, judged->args[0], range_end(judged->args[0], judged->args[1]));
		break;
	default:
		break;
	}
}

void judged_gather_again(const struct place *place, const struct call *call)
{
	struct judged *judged = call->judged;
	bool mapping = judged->row->object == JUDGED_MAPPING;
	uint64_t start = mapping ? (uint64_t)call->event.syscall.ret : judged->args[0];
	for (unsigned i = 0; i < judged->file_count; i++)
		strbuf_free(&judged->files[i].path);
	judged->file_count = 0;
	add_mappings(place, judged, start, range_end(start, judged->args[1]));
}

/* ---- the new image ---- */

/* Where the loader is mapped; 0: there is none. */
static uint64_t loader_base(pid_t tid)
{
	uint64_t entries[128];
	char path[PROCFS_PATH];
	procfs_path(path, tid, "auxv");
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t len = fd >= 0 ? read(fd, entries, sizeof entries) : 0;
	if (fd >= 0)
		close(fd);
	for (ssize_t i = 0; i + 1 < len / 8; i += 2)
		if (entries[i] == AT_BASE)
			return entries[i + 1];
	const uint32_t *narrow = (const uint32_t *)entries;
	for (ssize_t i = 0; i + 1 < len / 4; i += 2)
		if (narrow[i] == AT_BASE)
			return narrow[i + 1];
	return 0;
}

struct image_files {
	const struct place *place;
	struct judged *judged;
	const struct statx *exe;
	struct bytes name; /* of the program, as the kernel calls it */
};

static void add_code(void *context, const struct mapping *mapping)
{
	const struct image_files *files = context;
	const struct statx *exe = files->exe;
	bool is_exe = mapping->inode == exe->stx_ino && mapping->device == makedev(exe->stx_dev_major, exe->stx_dev_minor);
	if (!is_exe && !bytes_equal(bytes_of_string(mapping->path), files->name)) /* of some file systems the device is told otherwise */
		add_mapping(files->place, files->judged, mapping);
}

/* The loader, which is all that is mapped but the program. */
static void add_loader(const struct place *place, struct judged *judged, const struct statx *exe, struct bytes name)
{
	struct image_files files = { .place = place, .judged = judged, .exe = exe, .name = name };
	struct mapping loader;
	int error = mapping_each_code(place->tid, add_code, &files);
	uint64_t base = error == -ENOTTY ? loader_base(place->tid) : 0;
	if (base && mapping_find(place->tid, base, true, &loader) && loader.path[0] == '/')
		add_mapping(place, judged, &loader);
	else if (base || (error && error != -ENOTTY))
		fail(judged, -EACCES);
}

void judged_gather_image(const struct place *place, struct bytes exe, struct bytes script, struct judged *judged)
{
	char path[PATH_MAX];
	struct statx status = { 0 };
	procfs_path(path, place->tid, "exe");
	bool met = mountspace_has_met(path, &status);
	fail(judged, exe.len ? judged_add_file(judged, place->tid, exe, path, met) : -EACCES);
	if (!judged->names_only)
		add_loader(place, judged, &status, exe);
	if (script.len && judged->names_only)
		add_name(place, judged, script, path);
	else if (script.len)
		add_program(place, judged, script);
}
