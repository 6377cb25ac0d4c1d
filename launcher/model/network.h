/* Who was talked to: connect, bind, listen, accept and send, by process and address. */
#ifndef PTWRAP_MODEL_NETWORK_H
#define PTWRAP_MODEL_NETWORK_H

#include "event.h"
#include "model/errnos.h"
#include "model/sockets.h"

struct call_kind;
struct files;

enum network_op { NETWORK_ACCEPT, NETWORK_BIND, NETWORK_CONNECT, NETWORK_LISTEN, NETWORK_SEND,
		  NETWORK_OPS };

/* The words of the reports, by network_op, in the order of the alphabet. */
extern const char *const network_op_words[NETWORK_OPS];

struct peer {
	uint32_t process;
	uint8_t op;                 /* enum network_op */
	bool bytes_unknown;         /* some call did not tell how much it moved */
	const char *family;
	const char *protocol;       /* NULL: not known */
	const struct name *address; /* NULL: none, or not known */
	int64_t port;               /* SOCKADDR_NO_PORT: none */
	uint64_t count, failures;   /* failures: EINPROGRESS is none */
	struct errno_count *errors;
	uint64_t sent_bytes, received_bytes;
};

/* One line of networkcalls.def. */
struct network_call {
	const char *name;
	uint8_t action, address, flags;
};

struct network {
	struct store *store;
	struct peer *peers; /* by process, op, address, port, once model_read has returned */
	uint32_t count, capacity;
	struct index index;
	struct sockets sockets;
	uint64_t connections; /* successful connects, filled in at the end */
};

/* NULL: the call of that name has nothing to do with sockets. */
const struct network_call *network_call_by_name(const char *name);

/* Does this call make entries (and not only move bytes)? */
bool network_call_makes_peers(const struct network_call *call);

/* The line at that position, NULL behind the last. */
const struct network_call *network_call_at(size_t position);

void network_init(struct network *network, struct store *store);

/* A call whose kind has a network_call, over. A bind to a path also goes to `files`. */
void network_add_call(struct network *network, const struct event *event,
		      const struct call_kind *kind, struct files *files);

/* After the last event. */
void network_finish(struct network *network);
void network_free(struct network *network);

#endif
