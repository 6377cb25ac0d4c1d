/* network WHAT: talks to itself by WHAT (inet, inet6, unix, abstract), and prints what a report must hold of it:
 *
 *   OP FAMILY PROTOCOL ADDRESS PORT COUNT ERRNO=COUNT...     "-" where there is none
 *
 * A stream is bound, listened on, connected to three times (one of them forked), accepted, and refused where nobody listens;
 * datagrams go by sendto, sendmsg and sendmmsg. `bytes` connects by inet, sends 1,000 bytes through, half of them by a
 * dup of the socket, and gets 10 back. `many` sends twelve messages at once, to as many ports. The last line, "connections N", counts the connects that succeeded. The status
 * is 77 where this machine has no such addresses. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

union address {
	struct sockaddr any;
	struct sockaddr_in inet;
	struct sockaddr_in6 inet6;
	struct sockaddr_un local;
};

/* One kind of socket, and how its addresses are written. */
struct kind {
	const char *name, *family, *stream, *datagram;
	int domain;
};

static const struct kind kinds[] = {
	{ "inet", "inet", "tcp", "udp", AF_INET },
	{ "inet6", "inet6", "tcp", "udp", AF_INET6 },
	{ "unix", "unix", "stream", "dgram", AF_UNIX },
	{ "abstract", "unix", "stream", "dgram", AF_UNIX },
};

enum { NO_SUCH_FAMILY = 77 };

static int connections;

static long must(long result, const char *what)
{
	if (result >= 0)
		return result;
	fprintf(stderr, "network: %s: %s\n", what, strerror(errno));
	exit(errno == EAFNOSUPPORT || errno == EADDRNOTAVAIL ? NO_SUCH_FAMILY : 1);
}

/* An address for the n-th socket of this kind: any port of loopback, or a name. */
static socklen_t make_address(const struct kind *kind, int n, union address *address)
{
	*address = (union address){ .any.sa_family = (sa_family_t)kind->domain };
	if (kind->domain == AF_INET) {
		address->inet.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		return sizeof address->inet;
	}
	if (kind->domain == AF_INET6) {
		address->inet6.sin6_addr = in6addr_loopback;
		return sizeof address->inet6;
	}
	char *name = address->local.sun_path;
	if (strcmp(kind->name, "unix") == 0) {
		snprintf(name, sizeof address->local.sun_path, "./socket%d", n);
		return sizeof address->local;
	}
	int len = snprintf(name + 1, sizeof address->local.sun_path - 1, "ptwrap-test-%d-%d", getpid(), n);
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)len);
}

/* What the socket is bound to. */
static socklen_t name_of(int fd, union address *address)
{
	socklen_t len = sizeof *address;
	must(getsockname(fd, &address->any, &len), "getsockname");
	return len;
}

static const char *text_of(const union address *address, socklen_t len)
{
	static char text[256];
	char name[INET6_ADDRSTRLEN];
	const char *path = address->local.sun_path;
	int path_len = (int)(len - offsetof(struct sockaddr_un, sun_path));
	switch (address->any.sa_family) {
	case AF_INET:
		inet_ntop(AF_INET, &address->inet.sin_addr, name, sizeof name);
		snprintf(text, sizeof text, "%s %d", name, ntohs(address->inet.sin_port));
		break;
	case AF_INET6:
		inet_ntop(AF_INET6, &address->inet6.sin6_addr, name, sizeof name);
		snprintf(text, sizeof text, "%s %d", name, ntohs(address->inet6.sin6_port));
		break;
	default:
		if (path_len <= 0)
			snprintf(text, sizeof text, "- -");
		else if (*path)
			snprintf(text, sizeof text, "%s -", path);
		else
			snprintf(text, sizeof text, "@%.*s -", path_len - 1, path + 1);
	}
	return text;
}

static void tell(const char *op, const struct kind *kind, const char *protocol, const char *address, int count,
		 const char *errors)
{
	printf("%s %s %s %s %d%s\n", op, kind->family, protocol, address, count, errors);
}

/* A socket of that type that is bound. */
static int bound_socket(const struct kind *kind, int type, int n)
{
	union address address;
	int fd = (int)must(socket(kind->domain, type | SOCK_CLOEXEC, 0), "socket");
	socklen_t len = make_address(kind, n, &address);
	must(bind(fd, &address.any, len), "bind");
	return fd;
}

static void tell_bound(const char *op, const struct kind *kind, const char *protocol, int n, int count)
{
	union address address;
	socklen_t len = make_address(kind, n, &address);
	tell(op, kind, protocol, text_of(&address, len), count, "");
}

static int connect_to(const struct kind *kind, const union address *address, socklen_t len)
{
	int fd = (int)must(socket(kind->domain, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
	must(connect(fd, &address->any, len), "connect");
	return fd;
}

/* Takes what has connected; -1 (and an error in the report) if nothing has. */
static int accept_one(const struct kind *kind, int listening)
{
	union address peer;
	socklen_t len = sizeof peer;
	int fd = accept4(listening, &peer.any, &len, SOCK_CLOEXEC);
	if (fd >= 0 && kind->domain != AF_UNIX)
		tell("accept", kind, kind->stream, text_of(&peer, len), 1, "");
	return fd;
}

static void talk_by_stream(const struct kind *kind)
{
	union address listening, refusing;
	int fd = bound_socket(kind, SOCK_STREAM | SOCK_NONBLOCK, 1), other = bound_socket(kind, SOCK_STREAM, 2), status;
	socklen_t len = name_of(fd, &listening), other_len = name_of(other, &refusing);
	must(listen(fd, 8), "listen");
	tell_bound("listen", kind, kind->stream, 1, 1);
	connect_to(kind, &listening, len);
	connect_to(kind, &listening, len);
	accept_one(kind, fd);
	accept_one(kind, fd);
	accept_one(kind, fd);
	if (kind->domain == AF_UNIX)
		tell("accept", kind, kind->stream, "- -", 3, " EAGAIN=1");
	else
		tell("accept", kind, kind->stream, "- -", 1, " EAGAIN=1");
	tell("connect", kind, kind->stream, text_of(&listening, len), 2, "");
	pid_t child = fork();
	if (child == 0) {
		connect_to(kind, &listening, len);
		_exit(0);
	}
	waitpid(child, &status, 0);
	tell("connect", kind, kind->stream, text_of(&listening, len), 1, "");
	int refused = socket(kind->domain, SOCK_STREAM, 0);
	for (int i = 0; i < 2; i++)
		if (connect(refused, &refusing.any, other_len) == 0)
			exit(1);
	tell("connect", kind, kind->stream, text_of(&refusing, other_len), 2, " ECONNREFUSED=2");
	connections = 3;
}

static void talk_by_datagrams(const struct kind *kind)
{
	static char too_much[16 * 1024 * 1024];
	union address to;
	int receiver = bound_socket(kind, SOCK_DGRAM, 3), sender = socket(kind->domain, SOCK_DGRAM, 0);
	socklen_t len = name_of(receiver, &to);
	struct iovec text = { "x", 1 };
	struct mmsghdr messages[2] = { { .msg_hdr = { .msg_name = &to, .msg_namelen = len, .msg_iov = &text, .msg_iovlen = 1 } } };
	messages[1] = messages[0];
	must(sendto(sender, "xy", 2, 0, &to.any, len), "sendto");
	must(sendmsg(sender, &messages[0].msg_hdr, 0), "sendmsg");
	must(sendmmsg(sender, messages, 2, 0), "sendmmsg");
	if (sendto(sender, too_much, sizeof too_much, 0, &to.any, len) >= 0)
		exit(1);
	tell("send", kind, kind->datagram, text_of(&to, len), 5, " EMSGSIZE=1");
	must(connect(sender, &to.any, len), "connect");
	must(send(sender, "x", 1, 0), "send");
	tell("connect", kind, kind->datagram, text_of(&to, len), 1, "");
	connections++;
}

static void talk(const struct kind *kind)
{
	talk_by_stream(kind);
	talk_by_datagrams(kind);
	if (strcmp(kind->name, "unix") == 0 || strcmp(kind->name, "abstract") == 0) {
		tell_bound("bind", kind, kind->stream, 1, 1);
		tell_bound("bind", kind, kind->stream, 2, 1);
	} else {
		tell_bound("bind", kind, kind->stream, 1, 2);
	}
	tell_bound("bind", kind, kind->datagram, 3, 1);
	printf("connections %d\n", connections);
}

static void move_bytes(void)
{
	char buffer[1000] = { 0 };
	union address address;
	const struct kind *kind = &kinds[0];
	int fd = bound_socket(kind, SOCK_STREAM, 1);
	socklen_t len = name_of(fd, &address);
	must(listen(fd, 1), "listen");
	int client = connect_to(kind, &address, len), server = (int)must(accept(fd, NULL, NULL), "accept"), copy = dup(client);
	if (write(client, buffer, 400) != 400 || send(copy, buffer, 600, 0) != 600 ||
	    recv(server, buffer, sizeof buffer, MSG_WAITALL | MSG_PEEK) != 1000 ||
	    recv(server, buffer, sizeof buffer, MSG_WAITALL) != 1000 || write(server, buffer, 10) != 10 ||
	    read(client, buffer, sizeof buffer) != 10)
		exit(1);
}

static int send_many(void)
{
	enum { MANY = 12 };
	struct mmsghdr messages[MANY] = { 0 };
	struct sockaddr_in to[MANY];
	struct iovec one = { (char[]){ "x" }, 1 };
	int sender = socket(AF_INET, SOCK_DGRAM, 0);
	for (int i = 0; i < MANY; i++) {
		to[i] = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons((uint16_t)(9000 + i)),
					      .sin_addr = { htonl(INADDR_LOOPBACK) } };
		messages[i].msg_hdr = (struct msghdr){ .msg_name = &to[i], .msg_namelen = sizeof to[i], .msg_iov = &one, .msg_iovlen = 1 };
	}
	return sendmmsg(sender, messages, MANY, 0) != MANY;
}

int main(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "many") == 0)
		return send_many();
	const char *what = argc > 1 ? argv[1] : "";
	if (strcmp(what, "bytes") == 0) {
		move_bytes();
		return 0;
	}
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		if (strcmp(what, kinds[i].name) != 0)
			continue;
		talk(&kinds[i]);
		return 0;
	}
	return 2;
}
