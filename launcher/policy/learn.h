/* --learn: the smallest readable policy under which a run passes that had those needs.
 *
 *   default deny
 *   deny  syscall  @clock @debug ...
 *   allow read     /usr/include/stdio.h # needed by cc1
 *   ...
 *
 * One pattern a rule, and a comment that says which programs needed it. A path's directory stands for it where several
 * siblings are needed; never $HOME/.ssh, /etc, /proc, /dev or anything in them, a parent of the working directory or of $HOME,
 * the root, or what lies directly in it. Programs are named one by one, shared libraries by "*.so*".
 *
 * Learned into a policy that is there, rules with such a comment are made anew, together with the new ones, where the
 * first of them stood; all other lines stay. What a line of the user's own denies (`default`, and learned denials of
 * system calls apart) stays denied: a comment says so.
 *
 * No secret is written (spelling.h); where a star stands for one, the comment says that. */
#ifndef PTWRAP_POLICY_LEARN_H
#define PTWRAP_POLICY_LEARN_H

#include "policy/needs.h"
#include "strbuf.h"

struct redactor;

struct learn {
	const struct needs *needs;
	const struct redactor *redactor; /* NULL: nothing is secret. Not a blind one */
	const char *file;             /* the policy that is there, */
	const struct policy *present; /* as policy_load(file) gave it; NULL: there is none, and no text */
	struct bytes text;            /* and as it stands */
	uint32_t withheld;            /* result: needs that a user's line denies */
};

/* The new text, appended. 0 or -ENOMEM. */
int learn_policy(struct learn *learn, struct strbuf *out);

#endif
