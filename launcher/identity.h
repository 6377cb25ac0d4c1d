/* As whom a task looks at files: ids, groups and capabilities that the kernel asks about when it walks a path.
 *
 * ptwrap walks paths in a task's stead and must see neither more nor less than the task would. The kernel
 * keeps these things for each thread, so a thread of ptwrap takes them on for the time of a walk and no
 * other thread notices. Where the task is just as ptwrap is, which is the rule, nothing is done.
 *
 * Capabilities that a task has in a user namespace of its own are not among these: what only they open
 * stays closed. Source: credentials(7), capabilities(7), path_resolution(7). */
#ifndef PTWRAP_IDENTITY_H
#define PTWRAP_IDENTITY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct identity {
	uid_t uid, real_uid; /* uid: for files */
	gid_t gid, real_gid;
	uint64_t capabilities;   /* effective; 0 in another user namespace than ptwrap's */
	bool other_users;        /* in another user namespace */
	bool is_own;             /* sees what ptwrap itself sees */
	gid_t *groups;
	size_t group_count;
};

/* Once, while there is one thread: who ptwrap is. 0 or -errno. */
int identity_init(void);

/* As /proc has it for that task; identity_free it. 0 or -errno. */
int identity_read(pid_t tid, struct identity *identity);
void identity_free(struct identity *identity);

/* The calling thread sees files as that task does, until identity_resume: 0; -EPERM: it may not become
 * that user, and nothing was changed. Not to be nested. */
int identity_assume(const struct identity *identity);
void identity_resume(const struct identity *assumed);

#endif
