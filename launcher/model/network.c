/* Peers of the tree: see network.h.
 *
 * A descriptor is known by the name that /proc gives it, "socket:[inode]", so a socket keeps its
 * history over dup, fork and exec. Bytes belong to the peer that the socket was connected to,
 * whoever moves them. */
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

void network_init(struct network *network, struct store *store)
{
	network->store = store;
}

void network_free(struct network *network)
{
	index_free(&network->index);
	free(network->sockets);
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

static struct socket_fact *known_socket(struct network *network,
					const struct event_syscall *syscall, unsigned arg)
{
	uint64_t inode;
	if (!network->sockets || !inode_of(syscall, arg, &inode))
		return NULL;
	struct socket_fact *fact = &network->sockets[inode % NETWORK_SOCKETS];
	return fact->inode == inode ? fact : NULL;
}

/* The same, made if it was not known. */
static struct socket_fact *socket_at(struct network *network, const struct event_syscall *syscall,
				     unsigned arg)
{
	uint64_t inode;
	if (!inode_of(syscall, arg, &inode))
		return NULL;
	if (!network->sockets)
		network->sockets = calloc(NETWORK_SOCKETS, sizeof *network->sockets);
	if (!network->sockets) {
		network->store->failed = true;
		return NULL;
	}
	struct socket_fact *fact = &network->sockets[inode % NETWORK_SOCKETS];
	if (fact->inode != inode)
		*fact = (struct socket_fact){ .inode = inode, .peer = INDEX_NONE, .family = -1,
					      .type = -1, .bound_port = SOCKADDR_NO_PORT };
	return fact;
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

static void set_address(struct network *network, struct peer *peer, struct bytes address)
{
	struct strbuf text = { 0 };
	sockaddr_format(address, &text, &peer->port);
	if (text.len)
		peer->address = store_name(network->store, strbuf_bytes(&text));
	network->store->failed |= text.failed;
	strbuf_free(&text);
}

/* Counts one operation with the socket in argument 0. address: NULL where none is known. */
static uint32_t add_peer(struct network *network, const struct event *event, enum network_op op,
			 const struct attach *address)
{
	const struct socket_fact *fact = known_socket(network, &event->syscall, 0);
	int error = errno_of(event->syscall.ret);
	int family = address ? sockaddr_family(address->bytes) : -1;
	if (family < 0 && fact)
		family = fact->family;
	struct peer wanted = { .process = event->process, .op = (uint8_t)op,
			       .family = family_word(network, family), .port = SOCKADDR_NO_PORT };
	if (fact && fact->type >= 0)
		wanted.protocol = sockaddr_protocol_name(fact->family, fact->type, fact->protocol);
	if (address)
		set_address(network, &wanted, address->bytes);
	if (op == NETWORK_LISTEN && fact) {
		wanted.address = fact->bound;
		wanted.port = fact->bound_port;
	}
	uint32_t found = find_peer(network, &wanted);
	if (found == INDEX_NONE)
		return found;
	struct peer *peer = &network->peers[found];
	peer->count++;
	if (error && error != EINPROGRESS) {
		peer->failures++;
		errnos_add(network->store, &peer->errors, error);
	}
	return found;
}

/* ---- what calls do ---- */

static void take_socket(struct network *network, const struct event *event)
{
	const struct event_syscall *syscall = &event->syscall;
	struct socket_fact *fact = socket_at(network, syscall, ATTACH_RETURN);
	if (!fact)
		return;
	*fact = (struct socket_fact){ .inode = fact->inode, .peer = INDEX_NONE,
				      .family = (int32_t)syscall->args[0],
				      .type = (int32_t)syscall->args[1] & 0xf,
				      .protocol = (int32_t)syscall->args[2],
				      .bound_port = SOCKADDR_NO_PORT };
}

static void take_connect(struct network *network, const struct event *event)
{
	const struct attach *address = attachment_next(&event->syscall, ATTACH_DATA, 1, NULL);
	uint32_t peer = add_peer(network, event, NETWORK_CONNECT, address);
	int error = errno_of(event->syscall.ret);
	struct socket_fact *fact = socket_at(network, &event->syscall, 0);
	if (!fact || (error && error != EINPROGRESS))
		return;
	bool dissolved = address && sockaddr_family(address->bytes) == AF_UNSPEC;
	fact->peer = dissolved ? INDEX_NONE : peer;
	if (fact->family < 0 && address && !dissolved)
		fact->family = sockaddr_family(address->bytes);
}

static void take_bind(struct network *network, const struct event *event, struct files *files)
{
	const struct event_syscall *syscall = &event->syscall;
	const struct attach *address = attachment_next(syscall, ATTACH_DATA, 1, NULL);
	uint32_t peer = add_peer(network, event, NETWORK_BIND, address);
	int error = errno_of(syscall->ret);
	struct bytes path;
	if (!error && peer != INDEX_NONE) {
		struct socket_fact *fact = socket_at(network, syscall, 0);
		if (fact) {
			fact->bound = network->peers[peer].address;
			fact->bound_port = network->peers[peer].port;
			if (fact->family < 0 && address)
				fact->family = sockaddr_family(address->bytes);
		}
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

static void take_accept(struct network *network, const struct event *event)
{
	const struct event_syscall *syscall = &event->syscall;
	const struct attach *address =
		syscall->ret < 0 ? NULL : attachment_next(syscall, ATTACH_DATA_OUT, 1, NULL);
	uint32_t peer = add_peer(network, event, NETWORK_ACCEPT, address);
	struct socket_fact *made = syscall->ret < 0 ? NULL : socket_at(network, syscall, ATTACH_RETURN);
	if (!made)
		return;
	const struct socket_fact *listening = known_socket(network, syscall, 0);
	*made = (struct socket_fact){ .inode = made->inode, .peer = peer, .family = -1, .type = -1,
				      .bound_port = SOCKADDR_NO_PORT };
	if (!listening)
		return;
	made->family = listening->family;
	made->type = listening->type;
	made->protocol = listening->protocol;
}

static struct peer *connected_peer(struct network *network, const struct event_syscall *syscall,
				   unsigned arg)
{
	const struct socket_fact *fact = known_socket(network, syscall, arg);
	return fact && fact->peer != INDEX_NONE ? &network->peers[fact->peer] : NULL;
}

static void add_sent(struct network *network, const struct event_syscall *syscall, unsigned arg)
{
	struct peer *peer = connected_peer(network, syscall, arg);
	if (peer && syscall->ret > 0)
		peer->sent_bytes += (uint64_t)syscall->ret;
}

static void add_received(struct network *network, const struct event_syscall *syscall, unsigned arg)
{
	struct peer *peer = connected_peer(network, syscall, arg);
	if (peer && syscall->ret > 0)
		peer->received_bytes += (uint64_t)syscall->ret;
}

/* A message with an address of its own is an operation of its own; else it belongs to the
 * connection. */
static void take_send(struct network *network, const struct event *event,
		      const struct attach *address)
{
	if (!address) {
		add_sent(network, &event->syscall, 0);
		return;
	}
	uint32_t peer = add_peer(network, event, NETWORK_SEND, address);
	if (peer != INDEX_NONE && event->syscall.ret > 0)
		network->peers[peer].sent_bytes += (uint64_t)event->syscall.ret;
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

static void take_sendmmsg(struct network *network, const struct event *event)
{
	const struct event_syscall *syscall = &event->syscall;
	const struct attach *address;
	unsigned from = 0;
	bool named = false;
	uint64_t sum;
	while ((address = attachment_next(syscall, ATTACH_NAME, 1, &from))) {
		named = true;
		if (syscall->ret >= 0 && address->index >= syscall->ret)
			break;
		uint32_t peer = add_peer(network, event, NETWORK_SEND, address);
		if (peer != INDEX_NONE && syscall->ret >= 0) {
			network->peers[peer].bytes_unknown |=
				!message_bytes(syscall, address->index, 1, &sum);
			network->peers[peer].sent_bytes += sum;
		}
	}
	struct peer *peer = connected_peer(network, syscall, 0);
	if (named || !peer || syscall->ret <= 0)
		return;
	peer->bytes_unknown |= syscall->ret > UINT8_MAX ||
			       !message_bytes(syscall, 0, (unsigned)syscall->ret, &sum);
	if (!peer->bytes_unknown)
		peer->sent_bytes += sum;
}

static void take_recvmmsg(struct network *network, const struct event *event)
{
	const struct event_syscall *syscall = &event->syscall;
	struct peer *peer = connected_peer(network, syscall, 0);
	uint64_t sum;
	if (!peer || syscall->ret <= 0)
		return;
	peer->bytes_unknown |= syscall->ret > UINT8_MAX ||
			       !message_bytes(syscall, 0, (unsigned)syscall->ret, &sum);
	if (!peer->bytes_unknown)
		peer->received_bytes += sum;
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
		add_received(network, syscall, 0);
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
	case LISTEN: add_peer(network, event, NETWORK_LISTEN, NULL); break;
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
	case SENDFILE: add_sent(network, syscall, 0); break;
	case SPLICE:
		add_received(network, syscall, 0);
		add_sent(network, syscall, 2);
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
	if (network->count > 1)
		qsort(network->peers, network->count, sizeof *network->peers, compare_peers);
	for (uint32_t i = 0; i < network->count; i++) {
		struct peer *peer = &network->peers[i];
		errnos_sort(&peer->errors);
		if (peer->op == NETWORK_CONNECT)
			network->connections += peer->count - peer->failures;
	}
}
