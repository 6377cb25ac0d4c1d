/* What is known of sockets, by inode, and what was done with each: gathered until the socket's own
 * kind is known for sure, since its socket(2) may be told after its connect(2).
 *
 * Sockets that are no longer thought of, and at the end all, give their uses to a sink. What moves
 * bytes belongs to the connection of its time: a connect is told before the bytes that it makes
 * possible, or nobody else connects that socket. */
#ifndef PTWRAP_MODEL_SOCKETS_H
#define PTWRAP_MODEL_SOCKETS_H

#include "model/store.h"

/* So many sockets are remembered. The kernel numbers them one after the other: an old one gives its
 * place to the one that many numbers later. */
enum { SOCKETS_MAX = 1 << 16 };

/* Operations of one process that are alike in everything but time. */
struct socket_use {
	struct socket_use *next;
	uint32_t process;
	uint8_t op;                 /* enum network_op */
	bool bytes_unknown;         /* some call did not tell how much it moved */
	uint16_t connections;       /* that it stands in */
	int32_t error;              /* 0: it succeeded */
	int32_t family;             /* of its address; -1: none */
	const struct name *address; /* NULL: none, or not known */
	int64_t port;               /* SOCKADDR_NO_PORT: none */
	uint64_t count, sent_bytes, received_bytes;
};

/* From at_ns on the socket was connected by `use`; NULL: not any more. */
struct socket_connection {
	struct socket_connection *older;
	uint64_t at_ns;
	struct socket_use *use;
};

struct socket_fact {
	uint64_t inode;            /* 0: nothing */
	uint64_t listener;         /* inode of the one that accepted it; 0: none */
	int32_t family, type, protocol; /* as socket(2) has them; type -1: not known */
	int32_t address_family;    /* of an address that it was given; -1: none */
	const struct name *bound;  /* NULL: not bound, or not seen */
	int64_t bound_port;
	struct socket_use *uses;
	struct socket_connection *latest;
	uint32_t use_count, connection_count;
	uint64_t early_ns, early_sent, early_received; /* moved before any connection that is known */
};

typedef void sockets_sink(void *context, const struct socket_fact *fact,
			  const struct socket_use *use);

struct sockets {
	struct store *store;
	struct socket_fact *facts; /* SOCKETS_MAX of them, or NULL while none was seen */
	struct socket_use *spare_uses;
	struct socket_connection *spare_connections;
	sockets_sink *sink;
	void *context;
};

void sockets_init(struct sockets *sockets, struct store *store, sockets_sink *sink, void *context);
void sockets_free(struct sockets *sockets);

/* NULL: nothing is known of it. */
struct socket_fact *sockets_find(const struct sockets *sockets, uint64_t inode);

/* The same, made if it was not known; valid until the next one is. NULL without memory. */
struct socket_fact *sockets_at(struct sockets *sockets, uint64_t inode);

/* That it is of the kind of the one that accepted it, as far as that is known. */
void sockets_inherit(const struct sockets *sockets, struct socket_fact *fact);

/* The socket's use that is like `wanted`. NULL without memory. */
struct socket_use *sockets_use(struct sockets *sockets, struct socket_fact *fact,
			       const struct socket_use *wanted);

/* Connected from then on; use NULL: to nobody. */
void sockets_connect(struct sockets *sockets, struct socket_fact *fact, uint64_t at_ns,
		     struct socket_use *use);

/* Bytes that moved at that time. */
void sockets_move(struct socket_fact *fact, uint64_t at_ns, uint64_t sent, uint64_t received);

/* That a call at that time did not tell how many. */
void sockets_move_unknown(struct socket_fact *fact, uint64_t at_ns);

/* After the last event: gives all uses to the sink. */
void sockets_finish(struct sockets *sockets);

#endif
