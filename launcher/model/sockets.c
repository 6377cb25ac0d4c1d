/* Sockets and their uses: see sockets.h. */
#include "model/sockets.h"

#include "model/sockaddr.h"

#include <stdlib.h>

enum { USES_MAX = 64, CONNECTIONS_MAX = 32 /* of a socket, kept apart */ };

void sockets_init(struct sockets *sockets, struct store *store, sockets_sink *sink, void *context)
{
	*sockets = (struct sockets){ .store = store, .sink = sink, .context = context };
}

void sockets_free(struct sockets *sockets)
{
	free(sockets->facts);
}

struct socket_fact *sockets_find(const struct sockets *sockets, uint64_t inode)
{
	struct socket_fact *fact = sockets->facts ? &sockets->facts[inode % SOCKETS_MAX] : NULL;
	return fact && inode && fact->inode == inode ? fact : NULL;
}

void sockets_inherit(const struct sockets *sockets, struct socket_fact *fact)
{
	const struct socket_fact *listener = sockets_find(sockets, fact->listener);
	if (fact->type >= 0 || !listener || listener->type < 0)
		return;
	fact->family = listener->family;
	fact->type = listener->type;
	fact->protocol = listener->protocol;
}

/* ---- connections ---- */

static void forget_connection(struct sockets *sockets, struct socket_fact *fact,
			      struct socket_connection **place)
{
	struct socket_connection *connection = *place;
	*place = connection->older;
	fact->connection_count--;
	if (connection->use)
		connection->use->connections--;
	connection->older = sockets->spare_connections;
	sockets->spare_connections = connection;
}

static struct socket_connection **oldest_of(struct socket_fact *fact)
{
	struct socket_connection **place = &fact->latest;
	while (*place && (*place)->older)
		place = &(*place)->older;
	return place;
}

static struct socket_connection *new_connection(struct sockets *sockets)
{
	struct socket_connection *connection = sockets->spare_connections;
	if (!connection)
		return store_alloc(sockets->store, sizeof *connection);
	sockets->spare_connections = connection->older;
	return connection;
}

void sockets_connect(struct sockets *sockets, struct socket_fact *fact, uint64_t at_ns,
		     struct socket_use *use)
{
	struct socket_connection **place = &fact->latest;
	while (*place && (*place)->at_ns > at_ns)
		place = &(*place)->older;
	if (*place && (*place)->use == use)
		return;
	struct socket_connection *connection = new_connection(sockets);
	if (!connection)
		return;
	*connection = (struct socket_connection){ .older = *place, .at_ns = at_ns, .use = use };
	*place = connection;
	if (use)
		use->connections++;
	if (++fact->connection_count > CONNECTIONS_MAX)
		forget_connection(sockets, fact, oldest_of(fact));
}

static struct socket_connection *connection_at(const struct socket_fact *fact, uint64_t at_ns)
{
	struct socket_connection *connection = fact->latest;
	while (connection && connection->at_ns > at_ns)
		connection = connection->older;
	return connection;
}

void sockets_move(struct socket_fact *fact, uint64_t at_ns, uint64_t sent, uint64_t received)
{
	const struct socket_connection *connection = connection_at(fact, at_ns);
	if (!connection) {
		fact->early_ns = at_ns < fact->early_ns ? at_ns : fact->early_ns;
		fact->early_sent += sent;
		fact->early_received += received;
	} else if (connection->use) {
		connection->use->sent_bytes += sent;
		connection->use->received_bytes += received;
	}
}

void sockets_move_unknown(struct socket_fact *fact, uint64_t at_ns)
{
	const struct socket_connection *connection = connection_at(fact, at_ns);
	if (connection && connection->use)
		connection->use->bytes_unknown = true;
}

/* Bytes that were told before the connection that they belong to. */
static void settle_early(struct socket_fact *fact)
{
	const struct socket_connection *first = *oldest_of(fact);
	if (!first || !first->use || first->at_ns > fact->early_ns)
		return;
	first->use->sent_bytes += fact->early_sent;
	first->use->received_bytes += fact->early_received;
}

/* ---- uses ---- */

/* Gives uses to the sink; in_connections: also those that may yet be added to. */
static void settle_uses(struct sockets *sockets, struct socket_fact *fact, bool in_connections)
{
	struct socket_use **place = &fact->uses, *use;
	while ((use = *place)) {
		if (use->connections && !in_connections) {
			place = &use->next;
			continue;
		}
		sockets->sink(sockets->context, fact, use);
		*place = use->next;
		fact->use_count--;
		use->next = sockets->spare_uses;
		sockets->spare_uses = use;
	}
}

static void settle(struct sockets *sockets, struct socket_fact *fact)
{
	sockets_inherit(sockets, fact);
	settle_early(fact);
	settle_uses(sockets, fact, true);
	while (fact->latest)
		forget_connection(sockets, fact, &fact->latest);
}

static bool is_like(const struct socket_use *use, const struct socket_use *wanted)
{
	return use->process == wanted->process && use->op == wanted->op &&
	       use->error == wanted->error && use->family == wanted->family &&
	       use->address == wanted->address && use->port == wanted->port;
}

static struct socket_use *new_use(struct sockets *sockets)
{
	struct socket_use *use = sockets->spare_uses;
	if (!use)
		return store_alloc(sockets->store, sizeof *use);
	sockets->spare_uses = use->next;
	return use;
}

struct socket_use *sockets_use(struct sockets *sockets, struct socket_fact *fact,
			       const struct socket_use *wanted)
{
	for (struct socket_use *use = fact->uses; use; use = use->next)
		if (is_like(use, wanted))
			return use;
	if (fact->use_count >= USES_MAX)
		settle_uses(sockets, fact, false);
	struct socket_use *use = new_use(sockets);
	if (!use)
		return NULL;
	*use = *wanted;
	use->next = fact->uses;
	fact->use_count++;
	return fact->uses = use;
}

/* ---- facts ---- */

struct socket_fact *sockets_at(struct sockets *sockets, uint64_t inode)
{
	if (!sockets->facts)
		sockets->facts = calloc(SOCKETS_MAX, sizeof *sockets->facts);
	if (!sockets->facts) {
		sockets->store->failed = true;
		return NULL;
	}
	struct socket_fact *fact = &sockets->facts[inode % SOCKETS_MAX];
	if (fact->inode == inode)
		return fact;
	if (fact->inode)
		settle(sockets, fact);
	*fact = (struct socket_fact){ .inode = inode, .family = -1, .type = -1, .address_family = -1,
				      .bound_port = SOCKADDR_NO_PORT, .early_ns = UINT64_MAX };
	return fact;
}

void sockets_finish(struct sockets *sockets)
{
	for (uint32_t i = 0; sockets->facts && i < SOCKETS_MAX; i++)
		if (sockets->facts[i].inode)
			settle(sockets, &sockets->facts[i]);
}
