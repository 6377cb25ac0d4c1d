/* See pinned.h. */
#include "pinned.h"

#include "arch/x86_64_call.h"
#include "holder.h"
#include "mapping.h"
#include "procfs.h"
#include "trace.h"

#include "ptwrap/fastpath.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_mseal
#define SYS_mseal 462
#endif
#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010
#endif
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif

enum {
	SLOTS = 4096,
	PATHS = 512, /* pinned_put_path's, behind the slots */
	WHOLE = SLOTS * PINNED_SLOT_BYTES + PATHS * PINNED_PATH_BYTES,
	ALIGNMENT = 16,
	GLANCES_MAX = 3, /* of an address space: as many cost as much as to see the seal */
};

_Static_assert(WHOLE == FASTPATH_PINNED_BYTES, "as the shim maps it");

struct pinned_slot {
	struct pinned_slot *next; /* in the list of free ones */
	uint64_t address;         /* in the tracee that has it */
	size_t used;
};

struct pinned_space {
	unsigned references;
	uint64_t address; /* 0: not mapped */
	bool is_sealed;   /* by a call that was seen to be made in this very address space */
	bool is_sure;     /* it was seen to be ours, there, and sealed */
	bool is_vain;     /* it could not be mapped */
	unsigned glances; /* how often only that it is mapped was looked at */
};

static struct {
	int fd;        /* of the memory, opened for reading */
	dev_t device;
	ino_t inode;
	char *memory;
	struct pinned_slot slots[SLOTS];
	struct pinned_slot *free;
	unsigned paths;  /* that were put there */
	bool sees_seals; /* this kernel tells them */
} pinned = { .fd = -1 };

/* ---- the memory ---- */

/* Of nothing: what is sealed stays so for good, in holders too, which are to unmap everything. */
static int probe_mseal(void)
{
	return syscall(SYS_mseal, NULL, 0UL, 0UL) ? -errno : 0;
}

static int open_for_reading(int fd)
{
	char path[PROCFS_PATH];
	snprintf(path, sizeof path, "/proc/thread-self/fd/%d", fd);
	int reading = open(path, O_RDONLY | O_CLOEXEC);
	if (reading < 0)
		return -errno;
	return reading;
}

static int make_memory(int fd)
{
	enum { SEALS = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL };
	struct stat status;
	if (ftruncate(fd, WHOLE) != 0 || fstat(fd, &status) != 0)
		return -errno;
	pinned.memory = mmap(NULL, WHOLE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (pinned.memory == MAP_FAILED || fcntl(fd, F_ADD_SEALS, SEALS) != 0)
		return -errno;
	pinned.device = status.st_dev;
	pinned.inode = status.st_ino;
	pinned.fd = open_for_reading(fd);
	return pinned.fd < 0 ? pinned.fd : 0;
}

int pinned_init(void)
{
	int error = probe_mseal();
	if (error)
		return error;
	int fd = (int)syscall(SYS_memfd_create, "ptwrap-pinned", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);
	if (fd < 0)
		return -errno;
	error = make_memory(fd);
	close(fd);
	for (unsigned i = SLOTS; i-- > 0;) {
		pinned.slots[i].next = pinned.free;
		pinned.free = &pinned.slots[i];
	}
	return error;
}

struct pinned_slot *pinned_take(const struct pinned_space *space)
{
	struct pinned_slot *slot = pinned.free;
	if (!slot)
		return NULL;
	pinned.free = slot->next;
	slot->used = 0;
	slot->address = space->address + (uint64_t)(slot - pinned.slots) * PINNED_SLOT_BYTES;
	return slot;
}

void pinned_give_back(struct pinned_slot *slot)
{
	if (!slot)
		return;
	slot->next = pinned.free;
	pinned.free = slot;
}

uint64_t pinned_put(struct pinned_slot *slot, const void *data, size_t len)
{
	size_t at = (slot->used + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
	if (at > PINNED_SLOT_BYTES || len > PINNED_SLOT_BYTES - at)
		return 0;
	memcpy(pinned.memory + (size_t)(slot - pinned.slots) * PINNED_SLOT_BYTES + at, data, len);
	atomic_thread_fence(memory_order_release); /* with the ptrace request that resumes its reader */
	slot->used = at + len;
	return slot->address + at;
}

/* ---- address spaces ---- */

struct pinned_space *pinned_space_new(void)
{
	struct pinned_space *space = calloc(1, sizeof *space);
	if (space)
		space->references = 1;
	return space;
}

struct pinned_space *pinned_space_share(struct pinned_space *space)
{
	if (space)
		space->references++;
	return space;
}

struct pinned_space *pinned_space_copy(const struct pinned_space *space)
{
	struct pinned_space *copy = pinned_space_new();
	if (copy && space)
		copy->address = space->address;
	return copy;
}

void pinned_space_release(struct pinned_space *space)
{
	if (space && --space->references == 0)
		free(space);
}

/* ---- is it mapped there? ---- */

enum sealing {
	SEALING_NONE,    /* it is not mapped there */
	SEALING_UNKNOWN, /* it is; the kernel says nothing of a seal */
	SEALING_SEEN,
};

static bool is_whole(const struct mapping *mapping, uint64_t address)
{
	return mapping->start == address && mapping->end == address + WHOLE && mapping->offset == 0 &&
	       mapping->inode == pinned.inode && mapping->device == pinned.device &&
	       mapping->flags == (MAPPING_READABLE | MAPPING_SHARED);
}

/* Of a task that is alone. */
static bool glance(pid_t tid, uint64_t address)
{
	struct mapping mapping;
	return mapping_find(tid, address, false, &mapping) && is_whole(&mapping, address);
}

static enum sealing look(pid_t tid, uint64_t address)
{
	struct mapping mapping;
	bool sealed, ours = mapping_find_sealed(tid, address, &mapping, &sealed) && is_whole(&mapping, address);
	pinned.sees_seals |= ours && sealed;
	return !ours ? SEALING_NONE : sealed ? SEALING_SEEN : SEALING_UNKNOWN;
}

/* A seal that is not seen, on a kernel that shows none, is believed of who made the call under our eyes, no copy of it. */
static bool is_sealed(const struct pinned_space *space, enum sealing sealing)
{
	return sealing == SEALING_SEEN || (sealing == SEALING_UNKNOWN && space->is_sealed && !pinned.sees_seals);
}

static bool is_ready(struct pinned_space *space, pid_t tid, bool alone)
{
	if (!space->address || space->is_sure)
		return space->is_sure;
	if (alone && space->glances++ < GLANCES_MAX && glance(tid, space->address))
		return true;
	enum sealing sealing = look(tid, space->address);
	space->is_sure = is_sealed(space, sealing);
	if (sealing == SEALING_NONE)
		space->address = 0;
	return space->is_sure;
}

bool pinned_path_stands(unsigned number)
{
	return pinned.paths - number < PATHS / 2;
}

uint64_t pinned_put_path(const char *path, unsigned *number)
{
	size_t len = strlen(path) + 1, at = SLOTS * PINNED_SLOT_BYTES + pinned.paths % PATHS * PINNED_PATH_BYTES;
	if (pinned.fd < 0 || len > PINNED_PATH_BYTES)
		return 0;
	*number = pinned.paths++;
	memcpy(pinned.memory + at, path, len);
	atomic_thread_fence(memory_order_release);
	return FASTPATH_PINNED + at;
}

int pinned_fd(void)
{
	return pinned.fd;
}

bool pinned_was_mapped(struct pinned_space *space, pid_t tid)
{
	if (!space || space->address || !glance(tid, FASTPATH_PINNED))
		return false;
	space->address = FASTPATH_PINNED;
	return true;
}

/* ---- making a task map it ---- */

enum stage { STAGE_PIDFD, STAGE_FETCH, STAGE_MAP, STAGE_CLOSE, STAGE_CLOSE_OTHER, STAGE_SEAL, STAGE_LAST };

struct pinned_process {
	pid_t tid;
	struct pinned_space *space;
	struct holder *holder;
	struct user_regs_struct registers; /* as they were at its own call */
	uint64_t mask;
	struct user_regs_struct made; /* with the call that it is being made to make */
	bool is_i386;
	unsigned how;     /* PINNED_* */
	bool failed;      /* what is open is yet to be closed */
	enum stage stage; /* the call that is being made */
	int64_t pid_fd, memory_fd, address;
};

/* In one call: as they mostly stand, one behind the other. */
static bool closes_both(const struct pinned_process *process)
{
	return process->pid_fd >= 0 && process->memory_fd == process->pid_fd + 1;
}

static void make_call(struct pinned_process *process, struct user_regs_struct *registers)
{
	uint64_t args[6] = { 0 };
	uint32_t number = 0;
	switch (process->stage) {
	case STAGE_PIDFD:
		number = SYS_pidfd_open;
		args[0] = (uint64_t)holder_inner_pid(process->holder);
		break;
	case STAGE_FETCH:
		number = SYS_pidfd_getfd;
		args[0] = (uint64_t)process->pid_fd;
		args[1] = (uint64_t)pinned.fd;
		break;
	case STAGE_MAP:
		number = process->is_i386 ? X86_I386_MMAP2 : SYS_mmap;
		args[1] = WHOLE;
		args[2] = PROT_READ;
		args[3] = MAP_SHARED | (process->is_i386 ? 0 : MAP_32BIT);
		args[4] = (uint64_t)process->memory_fd;
		break;
	case STAGE_CLOSE:
	case STAGE_CLOSE_OTHER:
		if (closes_both(process)) {
			number = SYS_close_range;
			args[0] = (uint64_t)process->pid_fd;
			args[1] = (uint64_t)process->memory_fd;
			break;
		}
		number = process->is_i386 ? X86_I386_CLOSE : SYS_close;
		args[0] = (uint64_t)(process->stage == STAGE_CLOSE ? process->pid_fd : process->memory_fd);
		break;
	case STAGE_SEAL:
	case STAGE_LAST:
		number = SYS_mseal;
		args[0] = (uint64_t)process->address;
		args[1] = WHOLE;
		break;
	}
	x86_64_set_call(registers, process->is_i386, number, args);
	process->made = *registers;
}

static void end(struct pinned_process **process)
{
	holder_release((*process)->holder);
	pinned_space_release((*process)->space);
	free(*process);
	*process = NULL;
}

void pinned_abandon(struct pinned_process **process)
{
	if (*process)
		end(process);
}

enum pinned_answer pinned_begin(struct pinned_space *space, pid_t tid, const struct identity *as, unsigned how,
				struct pinned_process **process)
{
	*process = NULL;
	if (!space || (how & PINNED_TRIES && space->is_vain))
		return PINNED_FAILED;
	if (is_ready(space, tid, how & PINNED_ALONE))
		return PINNED_READY;
	struct pinned_process *made = calloc(1, sizeof *made);
	struct user_regs_struct registers;
	if (!made)
		return PINNED_FAILED;
	*made = (struct pinned_process){ .tid = tid, .space = pinned_space_share(space), .pid_fd = -1, .memory_fd = -1,
					 .address = (int64_t)space->address, .how = how };
	made->stage = space->address ? STAGE_SEAL : STAGE_PIDFD;
	made->holder = space->address ? NULL : holder_take(tid, as, true);
	if ((made->holder || space->address) && trace_get_registers(tid, &made->registers) && trace_get_mask(tid, &made->mask)) {
		registers = made->registers;
		made->is_i386 = trace_is_i386(tid);
		make_call(made, &registers);
		if (trace_set_mask(tid, ~0ULL) && trace_set_registers(tid, &registers)) {
			*process = made;
			return PINNED_RUNNING;
		}
		trace_set_mask(tid, made->mask);
	}
	end(&made);
	return PINNED_FAILED;
}

/* The result of the call that was made; the next one's stage. */
static void take_result(struct pinned_process *process, int64_t result)
{
	switch (process->stage) {
	case STAGE_PIDFD:
		process->pid_fd = result < 0 ? -1 : result;
		break;
	case STAGE_FETCH:
		process->memory_fd = result < 0 ? -1 : result;
		break;
	case STAGE_MAP:
		process->address = result;
		break;
	default:
		break;
	}
	if (result < 0)
		process->failed = true;
}

/* Is there anything to do at that stage? */
static bool has_work(const struct pinned_process *process)
{
	switch (process->stage) {
	case STAGE_CLOSE:
		return process->pid_fd >= 0;
	case STAGE_CLOSE_OTHER:
		return process->memory_fd >= 0 && !closes_both(process);
	case STAGE_LAST:
		return true;
	default:
		return !process->failed;
	}
}

static enum pinned_answer finish(struct pinned_process **at, struct user_regs_struct *registers)
{
	struct pinned_process *process = *at;
	uint64_t address = (uint64_t)process->address;
	struct pinned_space *space = process->space;
	space->is_sealed = !process->failed && !(process->how & PINNED_FILTERED);
	space->is_sure = !process->failed && is_sealed(space, look(process->tid, address));
	space->address = space->is_sure ? address : 0;
	space->is_vain = !space->is_sure;
	bool again = space->is_sure || (process->how & PINNED_TRIES);
	*registers = process->registers;
	if (again)
		x86_64_repeat_call(registers);
	else
		x86_64_set_result(registers, -EPERM);
	trace_set_registers(process->tid, registers);
	trace_set_mask(process->tid, process->mask);
	end(at);
	return again ? PINNED_AGAIN : PINNED_FAILED;
}

/* Another thread may have changed the code at the call instruction: then the task comes to an entry with a call that
 * nobody has judged. */
static bool is_expected(struct pinned_process *process, const struct stop *stop)
{
	struct user_regs_struct *made = &process->made;
	bool seccomp = stop->kind == STOP_SECCOMP;
	uint64_t number = seccomp ? stop->info.seccomp.nr : stop->info.entry.nr;
	bool same = number == made->orig_rax && stop->info.instruction_pointer == made->rip;
	for (unsigned i = 0; same && i < 6; i++)
		same = (seccomp ? stop->info.seccomp.args[i] : stop->info.entry.args[i]) ==
		       *x86_64_argument(made, process->is_i386, i);
	return same;
}

enum pinned_answer pinned_step(struct pinned_process **at, const struct stop *stop)
{
	struct pinned_process *process = *at;
	bool enters = stop->kind == STOP_ENTER || stop->kind == STOP_SECCOMP;
	if (enters && !is_expected(process, stop)) {
		end(at);
		return PINNED_HOSTILE;
	}
	if (stop->kind != STOP_LEAVE)
		return PINNED_RUNNING;
	struct user_regs_struct registers = process->made; /* but for what the call has returned */
	take_result(process, stop->info.exit.rval);
	do
		process->stage++;
	while (!has_work(process));
	if (process->stage == STAGE_LAST)
		return finish(at, &registers);
	make_call(process, &registers);
	x86_64_repeat_call(&registers);
	trace_set_registers(process->tid, &registers);
	return PINNED_RUNNING;
}
