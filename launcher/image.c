/* Reading a new process image: see image.h. */
#include "image.h"

#include "dynamic.h"
#include "judged.h"
#include "memory.h"
#include "peek.h"
#include "procfs.h"
#include "redact.h"
#include "unread.h"
#include "workdir.h"

#include <elf.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

enum {
	STACK_FIRST = 16 * 1024,
	STACK_MAX = 8 * 1024 * 1024,
	HEADERS_MAX = 32,
	NEEDED_MAX = 64,
	LOADER_BYTES = 256,
	WINDOW_BYTES = 8192,
};

/* The auxiliary vector's entries that matter here. */
struct auxv {
	uint64_t phdr, phent, phnum, entry, base, execfn, secure, uid, gid;
};

struct headers {
	struct auxv auxv;
	Elf64_Phdr header[HEADERS_MAX];
	size_t count;
	uint64_t bias; /* what to add to a p_vaddr */
	uint64_t window_at; /* where the program begins: what follows is asked for there as often as not */
	size_t window_len;
	unsigned char window[WINDOW_BYTES];
};

struct image *image_create(void)
{
	return memory_checked(calloc(1, sizeof(struct image)));
}

void image_free(struct image *image)
{
	if (!image)
		return;
	for (int i = 0; i < IMAGE_TEXTS; i++)
		strbuf_free(&image->text[i]);
	strbuf_free(&image->stack);
	judged_free(image->judged);
	free(image);
}

struct event_exec image_event(const struct image *image)
{
	return (struct event_exec){
		.path = strbuf_bytes(&image->text[IMAGE_PATH]),
		.exe = strbuf_bytes(&image->text[IMAGE_EXE]),
		.argv = strbuf_bytes(&image->text[IMAGE_ARGV]),
		.cwd = strbuf_bytes(&image->text[IMAGE_CWD]),
		.interpreter = strbuf_bytes(&image->text[IMAGE_INTERPRETER]),
		.loader = strbuf_bytes(&image->text[IMAGE_LOADER]),
		.environment = strbuf_bytes(&image->text[IMAGE_ENVIRONMENT]),
		.fds = strbuf_bytes(&image->text[IMAGE_FDS]),
		.root = strbuf_bytes(&image->text[IMAGE_ROOT]),
		.uid = image->uid,
		.gid = image->gid,
		.flags = image->flags,
		.argv_truncated = image->argv_truncated,
	};
}

/* From the stack pointer to the end of the stack: the kernel has put nothing behind it. */
static void read_stack(const struct place *place, struct image *image)
{
	for (size_t want = STACK_FIRST; image->stack.len < STACK_MAX; want *= 2) {
		char *room = strbuf_reserve(&image->stack, want);
		if (!room)
			return;
		ssize_t got = peek_read(place->tid, image->stack_pointer + image->stack.len, room, want);
		if (got <= 0) {
			image->flags |= image->stack.len ? 0 : (uint32_t)EXEC_UNREAD;
			return;
		}
		image->stack.len += (size_t)got;
		if ((size_t)got < want)
			return;
	}
}

/* The word at that offset of the stack; 0 beyond its end. */
static uint64_t stack_word(const struct image *image, size_t index)
{
	uint64_t word = 0;
	size_t offset = index * image->word_bytes;
	if (offset + image->word_bytes <= image->stack.len)
		memcpy(&word, image->stack.data + offset, image->word_bytes);
	return word;
}

/* The string at a tracee's address, if it lies in the stack. */
static bool stack_string(const struct image *image, uint64_t address, struct bytes *string)
{
	uint64_t offset = address - image->stack_pointer;
	if (address < image->stack_pointer || offset >= image->stack.len)
		return false;
	const char *start = image->stack.data + offset;
	*string = bytes_of(start, strnlen(start, image->stack.len - offset));
	return true;
}

/* Takes the strings of argv or envp, whose pointers begin at word `index`, into out. The index of
 * the word behind their NULL. */
static size_t take_strings(const struct image *image, size_t index, struct strbuf *out, size_t *count)
{
	size_t words = image->stack.len / image->word_bytes;
	*count = 0;
	for (; index < words; index++) {
		uint64_t pointer = stack_word(image, index);
		struct bytes string = { 0 };
		if (!pointer)
			return index + 1;
		stack_string(image, pointer, &string);
		strbuf_add(out, string.data, string.len);
		strbuf_add_char(out, '\0');
		++*count;
	}
	return index;
}

static void take_auxv(const struct image *image, size_t index, struct auxv *auxv)
{
	size_t words = image->stack.len / image->word_bytes;
	for (; index + 1 < words; index += 2) {
		uint64_t value = stack_word(image, index + 1);
		switch (stack_word(image, index)) {
		case AT_NULL:
			return;
		case AT_PHDR:
			auxv->phdr = value;
			break;
		case AT_PHENT:
			auxv->phent = value;
			break;
		case AT_PHNUM:
			auxv->phnum = value;
			break;
		case AT_BASE:
			auxv->base = value;
			break;
		case AT_EXECFN:
			auxv->execfn = value;
			break;
		case AT_SECURE:
			auxv->secure = value;
			break;
		case AT_EUID:
			auxv->uid = value;
			break;
		case AT_EGID:
			auxv->gid = value;
			break;
		}
	}
}

static void open_window(const struct place *place, struct headers *headers)
{
	headers->window_at = headers->auxv.phdr & -(uint64_t)4096;
	ssize_t got = peek_read(place->tid, headers->window_at, headers->window, sizeof headers->window);
	headers->window_len = got > 0 ? (size_t)got : 0;
}

/* What the window shows from there on; no bytes: nothing. */
static struct bytes seen_at(const struct headers *headers, uint64_t address)
{
	uint64_t offset = address - headers->window_at;
	if (address < headers->window_at || offset >= headers->window_len)
		return bytes_of(NULL, 0);
	return bytes_of((const char *)headers->window + offset, headers->window_len - offset);
}

static int see_whole(const struct place *place, const struct headers *headers, uint64_t address, void *out, size_t len)
{
	struct bytes seen = seen_at(headers, address);
	if (!seen.data || seen.len < len)
		return peek_read_whole(place->tid, address, out, len);
	memcpy(out, seen.data, len);
	return 0;
}

/* A name of at most LOADER_BYTES. */
static int see_name(const struct place *place, const struct headers *headers, uint64_t address, struct strbuf *out)
{
	bool truncated;
	struct bytes seen = seen_at(headers, address);
	size_t len = seen.len ? strnlen(seen.data, seen.len) : 0;
	if (len == seen.len || len > LOADER_BYTES)
		return peek_string(place->tid, address, out, LOADER_BYTES, &truncated);
	strbuf_add(out, seen.data, len);
	return 0;
}

static void widen(const Elf32_Phdr *narrow, Elf64_Phdr *wide)
{
	*wide = (Elf64_Phdr){ .p_type = narrow->p_type, .p_vaddr = narrow->p_vaddr,
			      .p_filesz = narrow->p_filesz, .p_memsz = narrow->p_memsz };
}

static void read_headers(const struct place *place, const struct image *image, struct headers *headers)
{
	Elf32_Phdr narrow[HEADERS_MAX];
	const struct auxv *auxv = &headers->auxv;
	size_t count = auxv->phnum < HEADERS_MAX ? (size_t)auxv->phnum : HEADERS_MAX;
	if (!auxv->phdr || !count)
		return;
	open_window(place, headers);
	if (image->word_bytes == 8) {
		if (see_whole(place, headers, auxv->phdr, headers->header, count * sizeof(Elf64_Phdr)))
			return;
	} else {
		if (see_whole(place, headers, auxv->phdr, narrow, count * sizeof *narrow))
			return;
		for (size_t i = 0; i < count; i++)
			widen(&narrow[i], &headers->header[i]);
	}
	headers->count = count;
	for (size_t i = 0; i < count; i++)
		if (headers->header[i].p_type == PT_PHDR)
			headers->bias = auxv->phdr - headers->header[i].p_vaddr;
}

static const Elf64_Phdr *find_header(const struct headers *headers, uint32_t type)
{
	for (size_t i = 0; i < headers->count; i++)
		if (headers->header[i].p_type == type)
			return &headers->header[i];
	return NULL;
}

static void read_loader(const struct place *place, struct image *image, const struct headers *headers)
{
	const Elf64_Phdr *interp = find_header(headers, PT_INTERP);
	if (image->flags & EXEC_UNREAD)
		return;
	if (!interp) {
		image->flags |= EXEC_STATIC;
		return;
	}
	see_name(place, headers, headers->bias + interp->p_vaddr, &image->text[IMAGE_LOADER]);
}

/* Runtimes that must come first in the list of loaded objects, or refuse (hazard 0.2). */
static bool is_sanitizer(const struct strbuf *library)
{
	static const char *const prefixes[] = { "libasan.", "libtsan.", "liblsan.", "libubsan.",
						"libhwasan.", "libclang_rt." };
	for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++)
		if (library->data && strncmp(library->data, prefixes[i], strlen(prefixes[i])) == 0)
			return true;
	return false;
}

/* Does the dynamic section (64-bit, not relocated yet) ask for a sanitizer's runtime? */
static bool needs_sanitizer(const struct place *place, const struct headers *headers)
{
	const Elf64_Phdr *dynamic = find_header(headers, PT_DYNAMIC);
	Elf64_Dyn entries[NEEDED_MAX];
	uint64_t strings = 0;
	if (!dynamic)
		return false;
	size_t bytes = dynamic->p_memsz < sizeof entries ? (size_t)dynamic->p_memsz : sizeof entries;
	ssize_t got = peek_read(place->tid, headers->bias + dynamic->p_vaddr, entries, bytes);
	size_t count = got > 0 ? (size_t)got / sizeof *entries : 0;
	for (size_t i = 0; i < count; i++)
		if (entries[i].d_tag == DT_STRTAB)
			strings = headers->bias + entries[i].d_un.d_ptr;
	bool found = false;
	for (size_t i = 0; i < count && !found && entries[i].d_tag != DT_NULL; i++) {
		struct strbuf name = { 0 };
		if (entries[i].d_tag == DT_NEEDED && strings &&
		    see_name(place, headers, strings + entries[i].d_un.d_val, &name) == 0)
			found = is_sanitizer(&name);
		strbuf_free(&name);
	}
	return found;
}

/* Is a sanitizer's runtime preloaded? */
static bool preloads_sanitizer(const struct image *image)
{
	struct bytes rest = strbuf_bytes(&image->text[IMAGE_ENVIRONMENT]), variable;
	while (bytes_next_string(&rest, &variable))
		if (variable.len > 11 && memcmp(variable.data, "LD_PRELOAD=", 11) == 0)
			return memmem(variable.data, variable.len, "libasan.", 8) ||
			       memmem(variable.data, variable.len, "liblsan.", 8) ||
			       memmem(variable.data, variable.len, "libclang_rt.", 12);
	return false;
}

static void read_names(const struct place *place, const struct headers *headers, struct image *image)
{
	const Elf64_Phdr *header = find_header(headers, PT_DYNAMIC);
	struct dynamic dynamic = { 0 };
	if (!image->wants_names || !header || image->word_bytes != 8)
		return;
	dynamic_read(place->tid, headers->bias + header->p_vaddr, header->p_memsz, headers->bias, &dynamic);
	image->has_sanitizer = needs_sanitizer(place, headers) || dynamic_has(&dynamic, "__lsan_") || dynamic_has(&dynamic, "__asan_") || preloads_sanitizer(image);
	image->imports_ptrace = dynamic_imports(&dynamic, "ptrace");
	dynamic_free(&dynamic);
}

static bool is_known_loader(const struct strbuf *loader)
{
	const char *name = loader->data ? strrchr(loader->data, '/') : NULL;
	return name && (strncmp(name, "/ld-linux-x86-64.so", 19) == 0 ||
			strncmp(name, "/ld-musl-x86_64.so", 18) == 0 || strcmp(name, "/libc.so") == 0 /* musl's */);
}

static void add_link(const struct place *place, const char *name, struct strbuf *out)
{
	char link[PROCFS_LINK];
	ssize_t len = strcmp(name, "cwd") == 0 ? workdir_link(place->tid, link, sizeof link) :
						 procfs_link(place->tid, name, link, sizeof link);
	if (len > 0)
		strbuf_add(out, link, (size_t)len);
}

/* Another root directory or mount namespace than ptwrap's own: files there are other files. */
static void read_root(const struct place *place, struct image *image)
{
	struct strbuf *root = &image->text[IMAGE_ROOT];
	if (image->same_root)
		return;
	if (!(image->flags & EXEC_UNREAD)) {
		image->other_mounts = procfs_root(place->tid, root);
	} else if (place->root) { /* the one it had: an execve changes none */
		strbuf_add_string(root, place->root);
		image->other_mounts = place->other_mounts;
	}
	if (root->len > 0)
		image->flags |= EXEC_OTHER_ROOT;
}

static void set_text(struct image *image, enum image_text which, struct bytes bytes)
{
	strbuf_reset(&image->text[which]);
	strbuf_add(&image->text[which], bytes.data, bytes.len);
}

/* AT_EXECFN of execveat is /dev/fd/N, perhaps with a name below. Once N is closed only the program itself
 * is known; that is then no script, which could not have been read any more. */
static void read_path_of_descriptor(const struct place *place, struct image *image, struct bytes path)
{
	enum { PREFIX = sizeof "/dev/fd/" - 1 };
	char link[PROCFS_LINK], *rest;
	char number[16] = { 0 };
	memcpy(number, path.data + PREFIX, path.len - PREFIX < sizeof number ? path.len - PREFIX : sizeof number - 1);
	int fd = (int)strtol(number, &rest, 10);
	struct bytes below = bytes_of(path.data + PREFIX + (rest - number), path.len - PREFIX - (size_t)(rest - number));
	ssize_t len = procfs_fd_link(place->tid, fd, link, sizeof link);
	if (len <= 0 || link[0] != '/') {
		set_text(image, IMAGE_PATH, resolve_inside(place, strbuf_bytes(&image->text[IMAGE_EXE])));
		return;
	}
	while (below.len && below.data[0] == '/')
		below = bytes_of(below.data + 1, below.len - 1);
	resolve_absolute(place, resolve_inside(place, bytes_of(link, (size_t)len)), below, &image->text[IMAGE_PATH]);
}

/* The path as it was passed: from the call; else as the kernel keeps it for AT_EXECFN. */
static void read_path(const struct place *place, const struct call *execve, struct image *image,
		      const struct auxv *auxv)
{
	struct bytes path;
	for (unsigned arg = 0; execve && arg < 2; arg++) {
		if (call_find(execve, ATTACH_ABS, arg, &path)) {
			set_text(image, IMAGE_PATH, path);
			return;
		}
	}
	bool known = stack_string(image, auxv->execfn, &path);
	if (known && path.len > 8 && memcmp(path.data, "/dev/fd/", 8) == 0)
		read_path_of_descriptor(place, image, path);
	else if (known)
		resolve_absolute(place, strbuf_bytes(&image->text[IMAGE_CWD]), path,
				 &image->text[IMAGE_PATH]);
	else if (image->flags & EXEC_UNREAD)
		unread_find_path(place, execve, image);
	else
		set_text(image, IMAGE_PATH, resolve_inside(place, strbuf_bytes(&image->text[IMAGE_EXE])));
}

/* Was a #! line followed? The kernel then took argv[0] away and put the interpreter, perhaps its
 * argument, and the script's path in its place: the count grew. Without the call: the program is
 * another file than the one that was asked for, if it is told at all. */
static bool is_script(const struct place *place, const struct call *execve, const struct image *image,
		      size_t argc)
{
	struct bytes strings;
	if (execve && (call_find(execve, ATTACH_STRINGS, 1, &strings) ||
		       call_find(execve, ATTACH_STRINGS, 2, &strings)))
		return argc > (execve->argv_count ? execve->argv_count : 1);
	struct strbuf target = { 0 };
	bool other = image->text[IMAGE_EXE].len && resolve_links(place, strbuf_bytes(&image->text[IMAGE_PATH]), &target) &&
		     !bytes_equal(resolve_inside(place, strbuf_bytes(&image->text[IMAGE_EXE])),
				  strbuf_bytes(&target));
	strbuf_free(&target);
	return other;
}

static bool argv_of_call(const struct call *execve, struct bytes *argv)
{
	return execve && (call_find(execve, ATTACH_STRINGS, 1, argv) ||
			  call_find(execve, ATTACH_STRINGS, 2, argv));
}

static bool passed_nothing(const struct call *execve)
{
	struct bytes argv;
	if (!execve || !execve->desc)
		return false;
	unsigned arg = strcmp(execve->desc->name, "execveat") == 0 ? 2 : 1;
	return !execve->event.syscall.args[arg] || (argv_of_call(execve, &argv) && !argv.len);
}

/* argv as it was passed: the call's argv[0], and from the new stack, where no thread can have
 * changed them, as many of the last strings as there were others. */
static void restore_argv(const struct call *execve, struct image *image, size_t argc)
{
	struct bytes passed, first, rest = strbuf_bytes(&image->text[IMAGE_ARGV]), string;
	if (!argv_of_call(execve, &passed) || execve->argv_count == 0 ||
	    !bytes_next_string(&passed, &first))
		return;
	for (size_t skip = argc - (execve->argv_count - 1); skip > 0; skip--)
		bytes_next_string(&rest, &string);
	struct strbuf argv = { 0 };
	strbuf_add(&argv, first.data, first.len);
	strbuf_add_char(&argv, '\0');
	strbuf_add(&argv, rest.data, rest.len);
	strbuf_free(&image->text[IMAGE_ARGV]);
	image->text[IMAGE_ARGV] = argv;
}

static void read_script(const struct place *place, const struct call *execve, struct image *image,
			size_t argc)
{
	struct bytes all = strbuf_bytes(&image->text[IMAGE_ARGV]), interpreter;
	if (!is_script(place, execve, image, argc) || !bytes_next_string(&all, &interpreter))
		return;
	resolve_absolute(place, strbuf_bytes(&image->text[IMAGE_CWD]), interpreter,
			 &image->text[IMAGE_INTERPRETER]);
	restore_argv(execve, image, argc);
}

/* Would the file have raised privileges? Whoever is traced by an unprivileged tracer, or has
 * no_new_privs, gains none (execve(2)). */
static bool raises_privileges(const struct place *place, const struct image *image)
{
	char link[PROCFS_PATH];
	const char *exe = link;
	struct stat status;
	procfs_path(link, place->tid, "exe");
	if (!image->text[IMAGE_EXE].len && !place->root && image->text[IMAGE_PATH].len)
		exe = image->text[IMAGE_PATH].data;
	return (stat(exe, &status) == 0 && (status.st_mode & (S_ISUID | S_ISGID))) ||
	       getxattr(exe, "security.capability", NULL, 0) > 0;
}

void image_read(const struct place *place, const struct call *execve, struct image *image)
{
	struct headers headers;
	struct strbuf cwd = { 0 };
	size_t argc, envc;
	uint64_t refusals = memory_refusals();
	memset(&headers, 0, offsetof(struct headers, window));
	read_stack(place, image);
	size_t index = take_strings(image, 1, &image->text[IMAGE_ARGV], &argc);
	index = take_strings(image, index, &image->text[IMAGE_ENVIRONMENT], &envc);
	take_auxv(image, index, &headers.auxv);
	if (image->flags & EXEC_UNREAD)
		argc = unread_take(place, execve, image);
	read_headers(place, image, &headers);
	read_loader(place, image, &headers);
	read_root(place, image);
	add_link(place, "exe", &image->text[IMAGE_EXE]);
	add_link(place, "cwd", &cwd);
	if (!cwd.len && image->program)
		add_link(&(struct place){ .tid = getpid() }, "cwd", &cwd);
	set_text(image, IMAGE_CWD, resolve_inside(place, strbuf_bytes(&cwd)));
	strbuf_free(&cwd);
	procfs_fds(place->tid, &image->text[IMAGE_FDS]);
	if (image->redactor)
		redactor_find_paths(image->redactor, strbuf_bytes(&image->text[IMAGE_ENVIRONMENT]),
				    &image->text[IMAGE_SECRET_PATHS]);
	read_path(place, execve, image, &headers.auxv);
	read_script(place, execve, image, argc);
	if (passed_nothing(execve))
		strbuf_reset(&image->text[IMAGE_ARGV]); /* the kernel makes {""} of it */
	if (!(image->flags & EXEC_UNREAD)) {
		image->uid = (uint32_t)headers.auxv.uid;
		image->gid = (uint32_t)headers.auxv.gid;
	}
	image->flags |= (headers.auxv.secure ? (uint32_t)EXEC_SECURE : 0) |
			(image->word_bytes == 4 ? (uint32_t)EXEC_I386 : 0);
	image->is_degraded = !headers.auxv.secure && image->uid != 0 && raises_privileges(place, image);
	read_names(place, &headers, image);
	image->may_be_injected = image->word_bytes == 8 && !headers.auxv.secure &&
				 is_known_loader(&image->text[IMAGE_LOADER]) &&
				 !needs_sanitizer(place, &headers);
	image->shim_is_visible = image->shim && image->may_be_injected &&
				 ((image->same_root && image->shim->passable) ||
				  shimfile_visible_at(image->shim, place->tid));
	image->is_short = memory_refusals() != refusals;
}
