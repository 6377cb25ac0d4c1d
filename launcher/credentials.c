/* Remembered identities: see credentials.h. */
#include "credentials.h"

#include "tracee.h"

#include <stdlib.h>

/* Known or not; NULL without memory. */
static struct credentials *held_by(struct tracee *tracee)
{
	if (!tracee->credentials && (tracee->credentials = calloc(1, sizeof *tracee->credentials)))
		tracee->credentials->references = 1;
	return tracee->credentials;
}

struct credentials *credentials_of(struct tracee *tracee)
{
	struct credentials *held = held_by(tracee);
	if (held && !held->is_known)
		held->is_known = identity_read(tracee->tid, &held->identity) == 0;
	return held && held->is_known ? held : NULL;
}

void credentials_inherit(struct tracee *child, struct tracee *parent)
{
	child->credentials = credentials_share(held_by(parent));
}

struct credentials *credentials_share(struct credentials *credentials)
{
	if (credentials)
		credentials->references++;
	return credentials;
}

void credentials_release(struct credentials *credentials)
{
	if (!credentials || --credentials->references > 0)
		return;
	identity_free(&credentials->identity);
	free(credentials);
}

void credentials_forget(struct tracee *tracee)
{
	credentials_release(tracee->credentials);
	tracee->credentials = NULL;
}
