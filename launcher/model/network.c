/* Peers of the tree: see network.h.
 *
 * A descriptor is known by the name that /proc gives it, "socket:[inode]", so a socket keeps its
 * history over dup, fork and exec. Bytes belong to the peer that the socket was connected to,
 * whoever moves them. What was done with a socket waits there (sockets.h) until its kind is known. */
#include "model/network.h"

#include "model/attachments.h"
#include "model/calls.h"
#include "model/files.h"
#include "model/sockaddr.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

enum action { SOCKET, CONNECT, BIND, LISTEN, ACCEPT, SEND, SENDMSG, SENDMMSG, RECEIVE, RECVMMSG,
	      SENDFILE, SPLICE, ACTIONS };

enum { NO_ARG_GIVEN = 7, MMSGHDR_BYTES = 64, MMSGHDR_LEN_OFFSET = 56 };

const char *const network_op_words[NETWORK_OPS] = {
	[NETWORK_ACCEPT] = "accept", [NETWORK_BIND] = "bind", [NETWORK_CONNECT] = "connect",
	[NETWORK_LISTEN] = "listen", [NETWORK_SEND] = "send",
};

static const struct network_call network_calls[] = {
#define NO_ARG NO_ARG_GIVEN
#define NETWORK_CALL(call, act, address_arg, flags_arg) \
	{ .name = #call, .action = act, .address = address_arg, .flags = flags_arg },
#include "model/networkcalls.def"
#undef NETWORK_CALL
#undef NO_ARG
};

const struct network_call *network_call_at(size_t position)
{
	return position < sizeof network_calls / sizeof *network_calls ? &network_calls[position] :
									 NULL;
}

const struct network_call *network_call_by_name(const char *name)
{
	for (size_t i = 0; i < sizeof network_calls / sizeof *network_calls; i++)
		if (strcmp(network_calls[i].name, name) == 0)
			return &network_calls[i];
	return NULL;
}

bool network_call_makes_peers(const struct network_call *call)
{
	return call->action == CONNECT || call->action == BIND || call->action == LISTEN ||
	       call->action == ACCEPT || call->address != NO_ARG_GIVEN;
}

static void add_use(void *context, const struct socket_fact *fact, const struct socket_use *use);

void network_init(struct network *network, struct store *store)
{
	network->store = store;
	sockets_init(&network->sockets, store, add_use, network);
}

void network_free(struct network *network)
{
	index_free(&network->index);
	sockets_free(&network->sockets);
}

/* ---- sockets ---- */

static bool inode_of(const struct event_syscall *syscall, unsigned arg, uint64_t *inode)
{
	struct bytes name;
	if (!attachment_bytes(syscall, ATTACH_FD, arg, &name) || !bytes_begin_with(name, "socket:["))
		return false;
	*inode = 0;
	for (size_t i = sizeof "socket:[" - 1; i < name.len && name.data[i] != ']'; i++)
		*inode = *inode * 10 + (uint64_t)(name.data[i] - '0');
	return *inode != 0;
}

/* The socket in that argument; NULL: it is none, or nobody knows. */
static struct socket_fact *socket_at(struct network *network, const struct event_syscall *syscall,
				     unsigned arg)
{
	uint64_t inode;
	return inode_of(syscall, arg, &inode) ? sockets_at(&network->sockets, inode) : NULL;
}

static const char *family_word(struct network *network, int family)
{
	char scratch[24];
	if (family < 0)
		return NULL;
	const char *word = sockaddr_family_name(family, scratch, sizeof scratch);
	if (word != scratch)
		return word;
	const struct name *kept = store_name(network->store, bytes_of_string(scratch));
	return kept ? kept->data : NULL;
}

/* ---- entries ---- */

static bool same_peer(const void *context, uint32_t position, const void *key)
{
	const struct peer *known = &((const struct network *)context)->peers[position];
	const struct peer *wanted = key;
	return known->process == wanted->process && known->op == wanted->op &&
	       known->family == wanted->family && known->protocol == wanted->protocol &&
	       known->address == wanted->address && known->port == wanted->port;
}

static uint32_t hash_peer(const struct peer *peer)
{
	const struct {
		const void *family, *protocol, *address;
		int64_t port;
		uint32_t process, op;
	} key = { peer->family, peer->protocol, peer->address, peer->port, peer->process, peer->op };
	return store_hash(&key, sizeof key);
}

static uint32_t find_peer(struct network *network, const struct peer *wanted)
{
	uint32_t hash = hash_peer(wanted);
	uint32_t found = index_find(&network->index, hash, same_peer, network, wanted);
	if (found != INDEX_NONE)
		return found;
	if (!store_grow(network->store, &network->peers, network->count, &network->capacity,
			sizeof *network->peers))
		return INDEX_NONE;
	if (!index_add(&network->index, hash, network->count)) {
		network->store->failed = true;
		return INDEX_NONE;
	}
	network->peers[network->count] = *wanted;
	return network->count++;
}

/* The family that a socket is of: -1 if that is not known. */
static int family_of(const struct socket_fact *fact, const struct socket_use *use)
{
	if (use->family >= 0 || !fact)
		return use->family;
	return fact->type >= 0 ? fact->family : fact->address_family;
}

/* What was done with a socket becomes part of what was done with its kind. fact NULL: nothing is
 * known of it. */
static void add_use(void *context, const struct socket_fact *fact, const struct socket_use *use)
{
	struct network *network = context;
	struct peer wanted = { .process = use->process, .op = use->op,
			       .family = family_word(network, family_of(fact, use)),
			       .address = use->address, .port = use->port };
	if (fact && use->op == NETWORK_LISTEN) {
		wanted.address = fact->bound;
		wanted.port = fact->bound_port;
	}
	if (fact && fact->type >= 0)
		wanted.protocol = sockaddr_protocol_name(fact->family, fact->type, fact->protocol);
	uint32_t found = find_peer(network, &wanted);
	if (found == INDEX_NONE)
		return;
	struct peer *peer = &network->peers[found];
	peer->count += use->count;
	peer->sent_bytes += use->sent_bytes;
	peer->received_bytes += use->received_bytes;
	peer->bytes_unknown |= use->bytes_unknown;
	if (!use->error)
		return;
	peer->failures += use->count;
	errnos_add(network->store, &peer->errors, use->error, use->count);
}

static void set_address(struct network *network, struct socket_use *use, struct bytes address)
{
	struct strbuf text = { 0 };
	sockaddr_format(address, &text, &use->port);
	use->family = sockaddr_family(address);
	if (text.len)
		use->address = store_name(network->store, strbuf_bytes(&text));
	network->store->failed |= text.failed;
	strbuf_free(&text);
}

/* Counts one operation with a socket, which may be NULL. address: NULL where none is known. The
 * use that it belongs to; NULL where that is already settled. */
static struct socket_use *add_operation(struct network *network, const struct event *event,
					enum network_op op, struct socket_fact *fact,
					const struct attach *address)
{
	int error = errno_of(event->syscall.ret);
	struct socket_use once = { .process = event->process, .op = (uint8_t)op, .family = -1,
				   .port = SOCKADDR_NO_PORT, .error = error == EINPROGRESS ? 0 : error };
	if (address)
		set_address(network, &once, address->bytes);
	struct socket_use *use = fact ? sockets_use(&network->sockets, fact, &once) : NULL;
	if (use) {
		use->count++;
		return use;
	}
	once.count = 1;
	add_use(network, NULL, &once);
	return NULL;
}

/* ---- what calls do ---- */

static void take_socket(struct network *network, const struct event *event)
{
	const struct event_syscall *syscall = &event->syscall;
	struct socket_fact *fact = socket_at(network, syscall, ATTACH_RETURN);
	if (!fact)
		return;
	fact->family = (int32_t)syscall->args[0];
	fact->type = (int32_t)syscall->args[1] & 0xf;
	fact->protocol = (int32_t)syscall->args[2];
}

static void learn_family(struct socket_fact *fact, const struct attach *address)
{
	int family = address ? sockaddr_family(address->bytes) : -1;
	if (family > 0) /* AF_UNSPEC tells nothing */
		fact->address_family = family;
}

static void take_connect(struct network *network, const struct event *event)
{
	const struct attach *address = attachment_next(&event->syscall, ATTACH_DATA, 1, NULL);
	struct socket_fact *fact = socket_at(network, &event->syscall, 0);
	struct socket_use *use = add_operation(network, event, NETWORK_CONNECT, fact, address);
	int error = errno_of(event->syscall.ret);
	if (!use || (error && error != EINPROGRESS))
		return;
	bool dissolved = address && sockaddr_family(address->bytes) == AF_UNSPEC;
	sockets_connect(&network->sockets, fact, event->t_ns, dissolved ? NULL : use);
	learn_family(fact, address);
}

/* A socket is bound once. */
static void take_bind(struct network *network, const struct event *event, struct files *files)
{
	const struct event_syscall *syscall = &event->syscall;
	const struct attach *address = attachment_next(syscall, ATTACH_DATA, 1, NULL);
	struct socket_fact *fact = socket_at(network, syscall, 0);
	const struct socket_use *use = add_operation(network, event, NETWORK_BIND, fact, address);
	int error = errno_of(syscall->ret);
	struct bytes path;
	if (!error && use) {
		fact->bound = use->address;
		fact->bound_port = use->port;
		learn_family(fact, address);
	}
	if (!address || !sockaddr_unix_path(address->bytes, &path))
		return;
	if (!attachment_bytes(syscall, ATTACH_ABS, 1, &path) && path.data[0] != '/')
		return;
	if (!error)
		files_add_bound(files, event, path);
	else if (error == ENOENT || error == ENOTDIR)
		files_add_missing(files, event, path);
}

static void take_listen(struct network *network, const struct event *event)
{
	add_operation(network, event, NETWORK_LISTEN, socket_at(network, &event->syscall, 0), NULL);
}

/* An accepted connection is an operation of the socket that it made, where that is known. */
static void take_accept(struct network *network, const struct event *event)
{
	const struct event_syscall *syscall = &event->syscall;
	const struct attach *address =
		syscall->ret < 0 ? NULL : attachment_next(syscall, ATTACH_DATA_OUT, 1, NULL);
	struct socket_fact *made = syscall->ret < 0 ? NULL : socket_at(network, syscall, ATTACH_RETURN);
	if (!made) {
		add_operation(network, event, NETWORK_ACCEPT, socket_at(network, syscall, 0), address);
		return;
	}
	inode_of(syscall, 0, &made->listener);
	sockets_inherit(&network->sockets, made);
	struct socket_use *use = add_operation(network, event, NETWORK_ACCEPT, made, address);
	if (use)
		sockets_connect(&network->sockets, made, event->t_ns, use);
}

static void add_sent(struct network *network, const struct event *event, unsigned arg)
{
	struct socket_fact *fact = socket_at(network, &event->syscall, arg);
	if (fact && event->syscall.ret > 0)
		sockets_move(fact, event->t_ns, (uint64_t)event->syscall.ret, 0);
}

static void add_received(struct network *network, const struct event *event, unsigned arg)
{
	struct socket_fact *fact = socket_at(network, &event->syscall, arg);
	if (fact && event->syscall.ret > 0)
		sockets_move(fact, event->t_ns, 0, (uint64_t)event->syscall.ret);
}

/* A message with an address of its own is an operation of its own; else it belongs to the
 * connection. */
static void take_send(struct network *network, const struct event *event,
		      const struct attach *address)
{
	if (!address) {
		add_sent(network, event, 0);
		return;
	}
	struct socket_use *use = add_operation(network, event, NETWORK_SEND,
					       socket_at(network, &event->syscall, 0), address);
	if (use && event->syscall.ret > 0)
		use->sent_bytes += (uint64_t)event->syscall.ret;
}

/* The sum of msg_len of the first `count` messages; false if not all of them were captured. */
static bool message_bytes(const struct event_syscall *syscall, unsigned first, unsigned count,
			  uint64_t *sum)
{
	struct bytes headers;
	*sum = 0;
	if (!attachment_bytes(syscall, ATTACH_DATA_OUT, 1, &headers) ||
	    headers.len < (size_t)(first + count) * MMSGHDR_BYTES)
		return false;
	for (unsigned i = first; i < first + count; i++) {
		uint32_t len;
		memcpy(&len, headers.data + i * MMSGHDR_BYTES + MMSGHDR_LEN_OFFSET, sizeof len);
		*sum += len;
	}
	return true;
}

static void take_named_messages(struct network *network, const struct event *event,
				const struct attach *address, unsigned from)
{
	const struct event_syscall *syscall = &event->syscall;
	uint64_t sum;
	for (; address && (syscall->ret < 0 || address->index < syscall->ret);
	     address = attachment_next(syscall, ATTACH_NAME, 1, &from)) {
		struct socket_use *use = add_operation(network, event, NETWORK_SEND,
						       socket_at(network, syscall, 0), address);
		if (!use || syscall->ret < 0)
			continue;
		use->bytes_unknown |= !message_bytes(syscall, address->index, 1, &sum);
		use->sent_bytes += sum;
	}
}

/* The bytes of all messages that moved; false: not all are known, and that is kept. */
static bool moved_bytes(const struct event *event, struct socket_fact *fact, uint64_t *sum)
{
	const struct event_syscall *syscall = &event->syscall;
	if (syscall->ret <= UINT8_MAX && message_bytes(syscall, 0, (unsigned)syscall->ret, sum))
		return true;
	sockets_move_unknown(fact, event->t_ns);
	return false;
}

static void take_sendmmsg(struct network *network, const struct event *event)
{
	const struct event_syscall *syscall = &event->syscall;
	unsigned from = 0;
	const struct attach *address = attachment_next(syscall, ATTACH_NAME, 1, &from);
	struct socket_fact *fact = address ? NULL : socket_at(network, syscall, 0);
	uint64_t sum;
	take_named_messages(network, event, address, from);
	if (fact && syscall->ret > 0 && moved_bytes(event, fact, &sum))
		sockets_move(fact, event->t_ns, sum, 0);
}

static void take_recvmmsg(struct network *network, const struct event *event)
{
	struct socket_fact *fact = socket_at(network, &event->syscall, 0);
	uint64_t sum;
	if (fact && event->syscall.ret > 0 && moved_bytes(event, fact, &sum))
		sockets_move(fact, event->t_ns, 0, sum);
}

static void take_receive(struct network *network, const struct event *event,
			 const struct network_call *call)
{
	const struct event_syscall *syscall = &event->syscall;
	bool consumed = call->flags == NO_ARG_GIVEN ||
			!(syscall->args[call->flags] & (MSG_PEEK | MSG_ERRQUEUE));
	if (!consumed)
		return;
	if (call->action == RECVMMSG)
		take_recvmmsg(network, event);
	else
		add_received(network, event, 0);
}

void network_add_call(struct network *network, const struct event *event,
		      const struct call_kind *kind, struct files *files)
{
	const struct event_syscall *syscall = &event->syscall;
	if (syscall->flags & SYSCALL_NO_RETURN)
		return;
	switch (kind->network->action) {
	case SOCKET: take_socket(network, event); break;
	case CONNECT: take_connect(network, event); break;
	case BIND: take_bind(network, event, files); break;
	case LISTEN: take_listen(network, event); break;
	case ACCEPT: take_accept(network, event); break;
	case SEND:
		take_send(network, event, attachment_next(syscall, ATTACH_DATA, 4, NULL));
		break;
	case SENDMSG:
		take_send(network, event, attachment_next(syscall, ATTACH_NAME, 1, NULL));
		break;
	case SENDMMSG: take_sendmmsg(network, event); break;
	case RECEIVE:
	case RECVMMSG: take_receive(network, event, kind->network); break;
	case SENDFILE: add_sent(network, event, 0); break;
	case SPLICE:
		add_received(network, event, 0);
		add_sent(network, event, 2);
		break;
	}
}

/* ---- the end ---- */

static int compare_words(const char *a, const char *b)
{
	return strcmp(a ? a : "", b ? b : "");
}

static int compare_peers(const void *a, const void *b)
{
	const struct peer *left = a, *right = b;
	if (left->process != right->process)
		return left->process < right->process ? -1 : 1;
	if (left->op != right->op)
		return left->op < right->op ? -1 : 1;
	int order = bytes_compare(name_bytes(left->address), name_bytes(right->address));
	if (order == 0)
		order = (left->port > right->port) - (left->port < right->port);
	if (order == 0)
		order = compare_words(left->family, right->family);
	return order ? order : compare_words(left->protocol, right->protocol);
}

void network_finish(struct network *network)
{
	sockets_finish(&network->sockets);
	if (network->count > 1)
		qsort(network->peers, network->count, sizeof *network->peers, compare_peers);
	for (uint32_t i = 0; i < network->count; i++) {
		struct peer *peer = &network->peers[i];
		errnos_sort(&peer->errors);
		if (peer->op == NETWORK_CONNECT)
			network->connections += peer->count - peer->failures;
	}
}
