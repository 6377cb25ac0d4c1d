/* Remembered identities: see credentials.h. */
#include "credentials.h"

#include "tracee.h"

#include <stdlib.h>

struct credentials *credentials_of(struct tracee *tracee)
{
	if (tracee->credentials)
		return tracee->credentials;
	struct credentials *made = calloc(1, sizeof *made);
	if (!made || identity_read(tracee->tid, &made->identity)) {
		free(made);
		return NULL;
	}
	made->references = 1;
	tracee->credentials = made;
	return made;
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
