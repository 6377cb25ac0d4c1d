/* Who a task is (identity.h), remembered until it makes a call that may change that, or executes a program: /proc is
 * slow to ask before each judged call. Under a policy such calls always trace (policycalls.def). A task that is made is
 * who its maker is: the two share what is known, and what will be, until either may have changed. Counted references;
 * tracer thread only. */
#ifndef PTWRAP_CREDENTIALS_H
#define PTWRAP_CREDENTIALS_H

#include "identity.h"

struct tracee;

struct credentials {
	unsigned references;
	bool is_known;
	struct identity identity;
};

/* The task's, read if they are not known; NULL where they cannot be. Belongs to the tracee. */
struct credentials *credentials_of(struct tracee *tracee);

/* One more, and one less, who needs them. NULL is allowed. */
struct credentials *credentials_share(struct credentials *credentials);
void credentials_release(struct credentials *credentials);

/* The child is made by that task, in the same user namespace. */
void credentials_inherit(struct tracee *child, struct tracee *parent);

/* They may be others from now on. */
void credentials_forget(struct tracee *tracee);

#endif
