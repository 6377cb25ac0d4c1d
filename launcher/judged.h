/* What one call is judged by: gathered at its entry, by whoever may block (helpers.h), before the tracer decides.
 *
 * Nothing of it is read a second time: where it came from memory, the call is made with the copy here
 * (rewrite.h), so what another thread of the program does to the original meanwhile changes nothing. Owned by the
 * call (call.h). */
#ifndef PTWRAP_JUDGED_H
#define PTWRAP_JUDGED_H

#include "credentials.h"
#include "filter.h"
#include "pathcall.h"
#include "policy/policy.h"
#include "reroute.h"
#include "resolve.h"
#include "shimfile.h"
#include "strbuf.h"

#include <stdbool.h>
#include <stdint.h>

struct call;

enum {
	JUDGED_FILES = 12,
	JUDGED_ADDRESS_BYTES = 128,
	JUDGED_HEADER_BYTES = 56, /* struct msghdr */
	JUDGED_NO_ARG = 7,
};

struct judged_file {
	struct strbuf path; /* all links resolved, as ptwrap sees it; what was not found is as it was given */
	bool hashed;
	uint8_t digest[POLICY_DIGEST_BYTES];
};

struct judged {
	const struct judged_call *row;  /* NULL: its number alone */
	const struct policy *policy;
	uint32_t domain;
	uint8_t subjects;               /* of the whole policy */
	struct credentials *as;         /* who the task is; NULL: not needed, or not known */
	int error;                      /* what it leads to cannot be read: the call fails with that (-errno) */
	const struct shimfile *shim;    /* whose mappings are ours; NULL: none */
	bool names_only;                /* of a new image: no rule asks what it is, but what it is called decides its domain */
	bool is_own;                    /* it is the shim's file that is mapped */
	bool is_made_otherwise;         /* as `number` with `args`: */
	uint32_t number;
	uint64_t args[6];
	uint8_t address_arg, header_arg;/* which of args lead to the copies below; JUDGED_NO_ARG: none */
	uint32_t address_len, header_len;
	unsigned char address[JUDGED_ADDRESS_BYTES]; /* zeros behind it */
	unsigned char header[JUDGED_HEADER_BYTES];   /* a struct msghdr of the call's ABI: its name is `address` */
	uint8_t word_bytes;             /* of that ABI: 8 or 4 */
	uint64_t many;                  /* where the array of struct mmsghdr is of which only the first is sent; 0: none */
	bool leads_unix;                /* a unix socket's name is led to what it was judged as, for rules concern it */
	bool is_restored;               /* the address is no more that which stood in memory (socknames.h) */
	bool has_socket;                /* it has a name in the file system: */
	struct walk_result socket;
	struct strbuf path;             /* as rules know it */
	struct judged_file files[JUDGED_FILES];
	unsigned file_count;
	bool has_memory;                /* pinned memory was found ready for it (pinned.h), at this very stop */
	bool own_root;                  /* it sees files from ptwrap's own root */
	struct reroute_path paths[PATHCALL_MAX];
	unsigned path_count;
};

/* NULL without memory. Whoever frees it has the table of descriptors of whoever gathered. */
struct judged *judged_create(const struct judged_call *row, const struct policy *policy, uint32_t domain,
			     const struct shimfile *shim);
void judged_free(struct judged *judged); /* NULL is allowed */

/* Fills it in; the call is at its entry, gathered for the report already. */
void judged_gather(const struct place *place, struct call *call);

/* The call is over, and call->is_raced: what has it mapped? */
void judged_gather_again(const struct place *place, const struct call *call);

/* At PTRACE_EVENT_EXEC, before the first instruction: the file that runs (exe: what the kernel calls it), its loader, and the
 * script that it is run for (no bytes: none), as the process names it. Those were opened, whatever their names led to before. */
void judged_gather_image(const struct place *place, struct bytes exe, struct bytes script, struct judged *judged);

/* It is over, the names that it has given still to be looked at: those of sockets become what the program called them. */
void judged_correct_names(const struct place *place, const struct call *call);

/* judged_net.c, judged_exec.c: by object. */
void judged_gather_net(const struct place *place, const struct call *call, struct judged *judged);
void judged_gather_exec(const struct place *place, const struct call *call, struct judged *judged);

void judged_gather_paths(const struct place *place, const struct call *call, struct judged *judged);

/* The name that rules know a walked object by: as ptwrap sees it. Appended. */
void judged_walk_name(const struct place *place, const struct walk_result *walk, struct strbuf *out);

/* Adds the file that the kernel calls by that name (" (deleted)" apart), and its digest where that may decide. -errno: it cannot be
 * read, or is where the task's rules know no names (mountspace.h). open_path: where to open it; met: its mount is known. */
int judged_add_file(struct judged *judged, pid_t tid, struct bytes path, const char *open_path, bool met);

/* The file's answer: by path, and by its content where it was hashed. */
struct policy_answer judged_ask_file(const struct judged *judged, const struct judged_file *file);

#endif
