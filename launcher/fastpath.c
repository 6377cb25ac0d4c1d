/* Patched texts and what goes with them: see fastpath.h. */
#include "fastpath.h"

#include "elflookup.h"
#include "memory.h"
#include "patch.h"
#include "peek.h"
#include "procfs.h"

#include "ptwrap/fastpath.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#ifndef HWCAP2_FSGSBASE
#define HWCAP2_FSGSBASE (1 << 1)
#endif

enum { PAGE = 4096, SITE_BYTES = 16, LIBRARY_MAX = 32 * 1024 * 1024 };

/* What a patched site was. */
struct original {
	uint64_t offset; /* from the library's base */
	uint8_t len;
	unsigned char bytes[SITE_BYTES];
};

static struct {
	bool there;
	int fd;                     /* of the shim's file */
	struct shimimage image;
	unsigned char *file;        /* its segments, shared */
	struct fastpath_tables *tables;
	struct filter_pass pass;
	uint64_t room_used;         /* of the trampolines */
	uint64_t file_end;          /* where the next patched text goes */
	uint64_t bases;
	struct fastpath_loader loader[FASTPATH_BASES]; /* by base */
	struct {
		struct original *list;
		size_t count;
	} original[FASTPATH_BASES];
} fast;

bool fastpath_is_there(void)
{
	return fast.there;
}

const struct shimimage *fastpath_image(void)
{
	return &fast.image;
}

uint64_t fastpath_file_len(void)
{
	return fast.file_end;
}

const struct filter_pass *fastpath_pass(void)
{
	return fast.there ? &fast.pass : NULL;
}

bool fastpath_is_exempt(uint64_t ip)
{
	return fast.there && (ip & ~0xfULL) == FASTPATH_EXEMPT;
}

bool fastpath_is_hooked(uint64_t ip)
{
	return fast.there && ip == FASTPATH_EXEMPT + 2;
}

bool fastpath_is_code(uint64_t ip)
{
	return fast.there && ip - FASTPATH_TEXT - fast.image.code < fast.image.code_end - fast.image.code;
}

bool fastpath_is_text(uint64_t ip)
{
	return fast.there && ip - FASTPATH_TEXT < fast.image.text_len;
}

/* ---- the beginning ---- */

static int map_file(const struct shimfile *file)
{
	struct stat status;
	fast.fd = file->fd;
	if (fstat(fast.fd, &status))
		return -errno;
	fast.file_end = ((uint64_t)status.st_size + PAGE - 1) / PAGE * PAGE;
	fast.file = mmap(NULL, fast.image.text_len, PROT_READ | PROT_WRITE, MAP_SHARED, fast.fd, 0);
	return fast.file == MAP_FAILED ? -errno : 0;
}

int fastpath_create(const struct shimfile *file, const struct selection *selection, struct filter_pass *pass)
{
	int error = shimimage_read(&fast.image);
	if (!error)
		error = map_file(file);
	if (!error && getrandom(fast.pass.nonce, sizeof fast.pass.nonce, 0) != sizeof fast.pass.nonce)
		error = -EAGAIN;
	if (error)
		return error;
	fast.tables = (struct fastpath_tables *)(fast.file + fast.image.tables);
	filter_fill_tables(selection, fast.tables);
	fast.tables->asks_mappings = filter_judges_mappings(selection);
	fast.tables->has_fsgsbase = (getauxval(AT_HWCAP2) & HWCAP2_FSGSBASE) != 0;
	snprintf(fast.tables->shim_path, sizeof fast.tables->shim_path, "%s", file->path);
	fast.pass.verify = pass->verify;
	*pass = fast.pass;
	fast.there = true;
	return 0;
}

/* ---- libraries ---- */

static uint64_t nanoseconds(const struct timespec *time)
{
	return (uint64_t)time->tv_sec * 1000000000 + (uint64_t)time->tv_nsec;
}

static struct fastpath_library describe(const struct stat *status)
{
	return (struct fastpath_library){
		.device = status->st_dev, .inode = status->st_ino, .size = (uint64_t)status->st_size,
		.mtime_ns = nanoseconds(&status->st_mtim), .ctime_ns = nanoseconds(&status->st_ctim),
	};
}

static const struct fastpath_library *find_library(const struct stat *status)
{
	struct fastpath_library wanted = describe(status);
	for (uint32_t i = 0; i < fast.tables->library_count; i++)
		if (memcmp(&fast.tables->libraries[i], &wanted, offsetof(struct fastpath_library, text_offset)) == 0)
			return &fast.tables->libraries[i];
	return NULL;
}

/* Its bytes, malloc'ed; NULL where it cannot be read whole. Not mapped: whoever owns the file may cut it. */
static unsigned char *read_file(int fd, size_t len)
{
	unsigned char *bytes = memory_checked(malloc(len ? len : 1));
	size_t done = 0;
	while (bytes && done < len) {
		ssize_t got = pread(fd, bytes + done, len - done, (off_t)done);
		if (got <= 0) {
			free(bytes);
			return NULL;
		}
		done += (size_t)got;
	}
	return bytes;
}

static bool write_file(const unsigned char *bytes, size_t len, uint64_t offset)
{
	for (size_t done = 0; done < len;) {
		ssize_t put = pwrite(fast.fd, bytes + done, len - done, (off_t)(offset + done));
		if (put <= 0)
			return false;
		done += (size_t)put;
	}
	return true;
}

static uint64_t private_address(size_t offset)
{
	return FASTPATH_PRIVATE + offset;
}

static struct patch_layout layout_for(uint64_t base)
{
	uint64_t room = fast.image.trampolines + fast.room_used;
	return (struct patch_layout){
		.trampoline_address = FASTPATH_TEXT + room,
		.trampoline_room = fast.image.trampolines_end - room,
		.hook_address = FASTPATH_TEXT + fast.image.hook_entry,
		.modes_address = private_address(offsetof(struct fastpath_private, modes)),
		.modes_count = FASTPATH_NUMBERS,
		.base_slot_address = private_address(offsetof(struct fastpath_private, bases)) + base * 8,
		.identity_address = private_address(offsetof(struct fastpath_private, identities)),
		.no_cache_address = private_address(offsetof(struct fastpath_private, no_cache)),
		.has_fsgsbase = fast.tables->has_fsgsbase,
	};
}

/* How to make the text what it was. Without memory a process stays as it is. */
static void keep_original(uint64_t base, const unsigned char *file, const struct patch_result *result)
{
	struct original *list = memory_checked(calloc(result->patched, sizeof *list));
	size_t count = 0;
	for (size_t i = 0; list && i < result->found; i++) {
		const struct patch_site *site = &result->site[i];
		uint64_t len = site->end - site->start;
		if (!len || len > SITE_BYTES || count == result->patched)
			continue;
		list[count].offset = site->start;
		list[count].len = (uint8_t)len;
		memcpy(list[count].bytes, file + result->offset + (site->start - result->vaddr), len);
		count++;
	}
	fast.original[base].list = list;
	fast.original[base].count = count;
}

static void keep_entry(struct fastpath_loader *loader, const unsigned char *file, size_t len,
		       const struct patch_result *result)
{
	uint64_t entry = ((const Elf64_Ehdr *)file)->e_entry, at = entry - result->vaddr + result->offset;
	if (entry < result->vaddr || entry - result->vaddr + FASTPATH_ENTRY_BYTES > result->len ||
	    at + FASTPATH_ENTRY_BYTES > len)
		return;
	loader->entry = entry;
	memcpy(loader->entry_bytes, file + at, FASTPATH_ENTRY_BYTES);
}

static void install(struct fastpath_library *library, const unsigned char *file, size_t len,
		    const struct patch_result *result)
{
	uint64_t base = fast.bases;
	if (!write_file(result->text, result->len, fast.file_end)) {
		/* The file system is full: what went in would leave no room for the rings. */
		int error = ftruncate(fast.fd, (off_t)fast.file_end);
		(void)error;
		return;
	}
	memcpy(fast.file + fast.image.trampolines + fast.room_used, result->trampolines, result->trampolines_len);
	library->text_offset = result->offset;
	library->text_len = result->len;
	library->text_vaddr = result->vaddr;
	library->patched_offset = fast.file_end;
	library->base = base;
	fast.loader[base] = (struct fastpath_loader){ .text = result->vaddr, .text_len = result->len,
						      .patched_offset = fast.file_end, .base = base };
	keep_entry(&fast.loader[base], file, len, result);
	keep_original(base, file, result);
	fast.file_end += result->len;
	fast.room_used += (result->trampolines_len + 15) / 16 * 16;
	fast.bases++;
}

static void prepare(struct fastpath_library *library, int fd, bool is_loader)
{
	size_t len = library->size < LIBRARY_MAX ? library->size : 0;
	if (fast.bases == FASTPATH_BASES || (!is_loader && !elflookup_defines(fd, "__libc_start_main")))
		return;
	unsigned char *file = read_file(fd, len);
	struct patch_result result;
	if (file) {
		struct patch_layout layout = layout_for(fast.bases);
		if (patch_text(file, len, &layout, &result) == 0) {
			if (result.patched)
				install(library, file, len, &result);
			patch_free(&result);
		}
	}
	free(file);
}

static const struct fastpath_library *add_library(int fd, const struct stat *status, bool is_loader)
{
	uint32_t count = fast.tables->library_count;
	if (count == FASTPATH_LIBRARIES || !S_ISREG(status->st_mode))
		return NULL;
	struct fastpath_library *library = &fast.tables->libraries[count];
	*library = describe(status);
	prepare(library, fd, is_loader);
	__atomic_store_n(&fast.tables->library_count, count + 1, __ATOMIC_RELEASE);
	return library;
}

static const struct fastpath_library *learn_path(const char *path, bool is_loader)
{
	struct stat status;
	const struct fastpath_library *library = NULL;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd >= 0 && fstat(fd, &status) == 0) {
		library = find_library(&status);
		if (!library)
			library = add_library(fd, &status, is_loader);
	}
	if (fd >= 0)
		close(fd);
	return library;
}

bool fastpath_find_loader(pid_t pid, const char *path, struct fastpath_loader *loader)
{
	char whole[PROCFS_LINK + PROCFS_PATH];
	struct stat status;
	if (!fast.there || strlen(path) >= PROCFS_LINK)
		return false;
	whole[0] = '\0';
	if (pid)
		procfs_path(whole, pid, "root");
	strcat(whole, path);
	if (stat(whole, &status))
		return false;
	const struct fastpath_library *library = find_library(&status);
	if (!library)
		library = learn_path(whole, true);
	if (!library || !library->text_len || library->base >= FASTPATH_BASES)
		return false;
	*loader = fast.loader[library->base];
	return loader->entry != 0;
}

int fastpath_learn(pid_t pid, int fd)
{
	char path[PROCFS_PATH], name[32];
	snprintf(name, sizeof name, "fd/%d", fd);
	procfs_path(path, pid, name);
	return fast.there && learn_path(path, false) ? 0 : -ENOENT;
}

/* ---- processes ---- */

static bool write_private(pid_t tid, size_t offset, const void *data, size_t len)
{
	struct iovec local = { (void *)(uintptr_t)data, len };
	struct iovec remote = { (void *)(uintptr_t)private_address(offset), len };
	return process_vm_writev(tid, &local, 1, &remote, 1, 0) == (ssize_t)len;
}

static void forget_identities(pid_t tid)
{
	static const uint64_t none[FASTPATH_IDENTITIES];
	write_private(tid, offsetof(struct fastpath_private, identities), none, sizeof none);
}

static void forbid_identities(pid_t tid)
{
	uint64_t yes = 1;
	write_private(tid, offsetof(struct fastpath_private, no_cache), &yes, sizeof yes);
}

void fastpath_serve_birth(pid_t caller, pid_t child, uint64_t clone_flags, const struct user_regs_struct *registers)
{
	bool by_trampoline = fastpath_is_text(registers->rip);
	bool shares_memory = registers->orig_rax == SYS_vfork || (clone_flags & CLONE_VM);
	bool waits = registers->orig_rax == SYS_vfork || (clone_flags & CLONE_VFORK);
	if (!shares_memory && !by_trampoline)
		forget_identities(child);
	else if (shares_memory && (clone_flags & CLONE_SETTLS) && !by_trampoline)
		forget_identities(caller);
	else if (shares_memory && !(clone_flags & CLONE_SETTLS) && !(waits && by_trampoline))
		forbid_identities(caller);
}

enum fastpath_fault fastpath_serve_fault(pid_t tid, const siginfo_t *info, struct user_regs_struct *registers)
{
	uint64_t stage;
	if ((info->si_signo != SIGSEGV && info->si_signo != SIGBUS) || info->si_code <= 0 ||
	    !fastpath_is_code(registers->rip) ||
	    peek_read_whole(tid, registers->rbp + FASTPATH_FRAME_STAGE, &stage, sizeof stage) ||
	    stage < FASTPATH_STAGE_FIRST || stage > FASTPATH_STAGE_GUARDED)
		return FASTPATH_NO_FAULT;
	registers->rsp = registers->rbp;
	registers->rip = FASTPATH_TEXT + fast.image.hook_fault;
	registers->orig_rax = (unsigned long long)-1;
	return stage >= FASTPATH_STAGE_LAST ? FASTPATH_FAULT_LOSES : FASTPATH_FAULT_SERVED;
}

static void restore_text(pid_t tid, uint64_t base, uint64_t bias)
{
	for (size_t i = 0; i < fast.original[base].count; i++) {
		const struct original *original = &fast.original[base].list[i];
		peek_write(tid, bias + original->offset, original->bytes, original->len);
	}
}

void fastpath_leave(pid_t tid)
{
	struct fastpath_private private;
	if (!fast.there || peek_read_whole(tid, FASTPATH_PRIVATE, &private, sizeof private))
		return;
	for (uint64_t base = 0; base < fast.bases; base++)
		if (private.bases[base])
			restore_text(tid, base, private.bases[base]);
	for (int i = 0; i < FASTPATH_NUMBERS; i++)
		if (private.modes[i] != FASTPATH_BARE)
			private.modes[i] = FASTPATH_PLAIN;
	write_private(tid, offsetof(struct fastpath_private, modes), private.modes, sizeof private.modes);
}

void fastpath_tell_shim(pid_t tid, int fd)
{
	int64_t shim_fd = fd;
	if (fast.there)
		write_private(tid, offsetof(struct fastpath_private, shim_fd), &shim_fd, sizeof shim_fd);
}

bool fastpath_awaits_shim(pid_t tid)
{
	int64_t shim_fd;
	uint64_t address = private_address(offsetof(struct fastpath_private, shim_fd));
	return peek_read_whole(tid, address, &shim_fd, sizeof shim_fd) != 0 || shim_fd != FASTPATH_SHIM_LOADED;
}

void fastpath_silence(pid_t tid)
{
	uint64_t yes = 1;
	if (fast.there)
		write_private(tid, offsetof(struct fastpath_private, is_silent), &yes, sizeof yes);
}
