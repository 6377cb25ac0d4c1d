/* The supervisor's part of the fast path (ptwrap/fastpath.h): the tables and patched texts in the shim's
 * file, and what a process that has it needs of its tracer.
 *
 * Made by the launcher before the forks (fastpath_create); then the tracer thread's alone. What it
 * reads of the tree's files is untrusted; what a process says of itself can hurt that process only. */
#ifndef PTWRAP_FASTPATH_H_LAUNCHER
#define PTWRAP_FASTPATH_H_LAUNCHER

#include "filter.h"
#include "shimfile.h"
#include "shimimage.h"

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/user.h>

enum { FASTPATH_ENTRY_BYTES = 64 };

/* A loader whose text is prepared. */
struct fastpath_loader {
	uint64_t entry;  /* offset of its first instruction from where it is mapped */
	uint64_t text, text_len, patched_offset;
	uint64_t base;
	unsigned char entry_bytes[FASTPATH_ENTRY_BYTES]; /* as they are in the file */
};

/* Fills the tables in the shim's file and chooses pass->nonce. 0, or -errno: no fast path in this run. */
int fastpath_create(const struct shimfile *file, const struct selection *selection, struct filter_pass *pass);

bool fastpath_is_there(void);
const struct shimimage *fastpath_image(void);
uint64_t fastpath_file_len(void); /* of the shim's file, with the texts that are prepared so far */
const struct filter_pass *fastpath_pass(void);

/* The loader at that path, as the process pid sees it (0: as ptwrap itself does); prepared when it is met first. False: none that
 * could be. May read a file of the tree. */
bool fastpath_find_loader(pid_t pid, const char *path, struct fastpath_loader *loader);

/* A loader maps the file at descriptor fd of pid executable: its entry in the table is made. 0 or -errno. */
int fastpath_learn(pid_t pid, int fd);

/* Is it an address in the shim as it is mapped early: the exempt call instructions, its C code, all of it? */
bool fastpath_is_exempt(uint64_t ip);
bool fastpath_is_hooked(uint64_t ip); /* the instruction of redirected calls alone */
bool fastpath_is_code(uint64_t ip);
bool fastpath_is_text(uint64_t ip);

/* A birth by a task of a process that has the fast path: registers are the caller's. The child has not
 * run yet. Sees to it that no thread takes another's id for its own (shim/identity.h). */
void fastpath_serve_birth(pid_t caller, pid_t child, uint64_t clone_flags, const struct user_regs_struct *registers);

/* Has a process that has it not yet loaded the shim's file, whose name it will ask for? */
bool fastpath_awaits_shim(pid_t tid);

/* A fault in the shim's C code: the registers are changed so that the call goes on without what caused it, the signal is
 * to be dropped. Where even the shorter record, or what a process tells at its start, met one, it is lost. */
enum fastpath_fault { FASTPATH_NO_FAULT, FASTPATH_FAULT_SERVED, FASTPATH_FAULT_LOSES };
enum fastpath_fault fastpath_serve_fault(pid_t tid, const siginfo_t *info, struct user_regs_struct *registers);

/* The process goes on in the kernel view alone: its patched texts become what they were, and nothing is
 * recorded by it any more. For programs that judge system calls by their address themselves. */
void fastpath_leave(pid_t tid);

/* Its loader has opened the shim's file by a call that was not redirected: as descriptor fd. */
void fastpath_tell_shim(pid_t tid, int fd);

/* Nobody reads its ring any more: it goes on without recording. */
void fastpath_silence(pid_t tid);

#endif
