/* Socket addresses in words: see sockaddr.h. The bytes are a tracee's: nothing in them is believed. */
#include "model/sockaddr.h"

#include <arpa/inet.h>
#include <linux/netlink.h>
#include <linux/vm_sockets.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>

static const struct {
	int family;
	const char *name;
} families[] = {
	{ AF_UNSPEC, "unspec" }, { AF_UNIX, "unix" },     { AF_INET, "inet" },
	{ AF_AX25, "ax25" },     { AF_IPX, "ipx" },       { AF_APPLETALK, "appletalk" },
	{ AF_NETROM, "netrom" }, { AF_X25, "x25" },       { AF_INET6, "inet6" },
	{ AF_ROSE, "rose" },     { AF_KEY, "key" },       { AF_NETLINK, "netlink" },
	{ AF_PACKET, "packet" }, { AF_RDS, "rds" },       { AF_PPPOX, "pppox" },
	{ AF_LLC, "llc" },       { AF_IB, "ib" },         { AF_MPLS, "mpls" },
	{ AF_CAN, "can" },       { AF_TIPC, "tipc" },     { AF_BLUETOOTH, "bluetooth" },
	{ AF_RXRPC, "rxrpc" },   { AF_ISDN, "isdn" },     { AF_PHONET, "phonet" },
	{ AF_IEEE802154, "ieee802154" }, { AF_ALG, "alg" }, { AF_NFC, "nfc" },
	{ AF_VSOCK, "vsock" },   { AF_KCM, "kcm" },       { AF_QIPCRTR, "qipcrtr" },
	{ AF_SMC, "smc" },       { AF_XDP, "xdp" },       { 45, "mctp" },
};

enum { ANY = -1, INTERNET = -2 /* AF_INET and AF_INET6 */ };

/* The first line that fits; protocol 0 is the type's own. */
static const struct {
	int family, type, protocol;
	const char *name;
} protocols[] = {
	{ INTERNET, SOCK_STREAM, 0, "tcp" },          { INTERNET, SOCK_STREAM, IPPROTO_TCP, "tcp" },
	{ INTERNET, SOCK_DGRAM, 0, "udp" },           { INTERNET, SOCK_DGRAM, IPPROTO_UDP, "udp" },
	{ INTERNET, SOCK_STREAM, IPPROTO_MPTCP, "mptcp" },
	{ INTERNET, ANY, IPPROTO_SCTP, "sctp" },      { INTERNET, SOCK_SEQPACKET, 0, "sctp" },
	{ INTERNET, SOCK_DCCP, ANY, "dccp" },         { INTERNET, ANY, IPPROTO_UDPLITE, "udplite" },
	{ INTERNET, ANY, IPPROTO_ICMP, "icmp" },      { INTERNET, ANY, IPPROTO_ICMPV6, "icmpv6" },
	{ INTERNET, SOCK_RAW, ANY, "raw" },           { AF_UNIX, SOCK_STREAM, ANY, "stream" },
	{ AF_UNIX, SOCK_DGRAM, ANY, "dgram" },        { AF_UNIX, SOCK_SEQPACKET, ANY, "seqpacket" },
	{ AF_UNIX, SOCK_RAW, ANY, "dgram" },
	{ AF_NETLINK, ANY, NETLINK_ROUTE, "route" },  { AF_NETLINK, ANY, NETLINK_USERSOCK, "usersock" },
	{ AF_NETLINK, ANY, NETLINK_SOCK_DIAG, "sock_diag" }, { AF_NETLINK, ANY, NETLINK_XFRM, "xfrm" },
	{ AF_NETLINK, ANY, NETLINK_SELINUX, "selinux" }, { AF_NETLINK, ANY, NETLINK_AUDIT, "audit" },
	{ AF_NETLINK, ANY, NETLINK_CONNECTOR, "connector" },
	{ AF_NETLINK, ANY, NETLINK_NETFILTER, "netfilter" },
	{ AF_NETLINK, ANY, NETLINK_KOBJECT_UEVENT, "kobject_uevent" },
	{ AF_NETLINK, ANY, NETLINK_GENERIC, "generic" }, { AF_NETLINK, ANY, NETLINK_CRYPTO, "crypto" },
};

enum { TYPE_MASK = 0xf /* without SOCK_NONBLOCK and SOCK_CLOEXEC */ };

const char *sockaddr_protocol_name(int family, int type, int protocol)
{
	bool internet = family == AF_INET || family == AF_INET6;
	type &= TYPE_MASK;
	for (size_t i = 0; i < sizeof protocols / sizeof *protocols; i++) {
		bool same_family = protocols[i].family == INTERNET ? internet :
								     protocols[i].family == family;
		if (same_family && (protocols[i].type == ANY || protocols[i].type == type) &&
		    (protocols[i].protocol == ANY || protocols[i].protocol == protocol))
			return protocols[i].name;
	}
	return NULL;
}

const char *sockaddr_family_name(int family, char *scratch, size_t size)
{
	for (size_t i = 0; i < sizeof families / sizeof *families; i++)
		if (families[i].family == family)
			return families[i].name;
	snprintf(scratch, size, "family %d", family);
	return scratch;
}

int sockaddr_family(struct bytes address)
{
	sa_family_t family;
	if (address.len < sizeof family)
		return -1;
	memcpy(&family, address.data, sizeof family);
	return family;
}

static void format_unix(struct bytes address, struct strbuf *out)
{
	struct bytes name = bytes_of(address.data + sizeof(sa_family_t),
				     address.len - sizeof(sa_family_t));
	if (name.len && name.data[0] == '\0') {
		strbuf_add_char(out, '@');
		strbuf_add(out, name.data + 1, name.len - 1);
	} else {
		strbuf_add(out, name.data, name.len ? strnlen(name.data, name.len) : 0);
	}
}

static bool format_internet(struct bytes address, int family, struct strbuf *out, int64_t *port)
{
	size_t port_at = offsetof(struct sockaddr_in, sin_port);
	size_t at = family == AF_INET ? offsetof(struct sockaddr_in, sin_addr) :
					offsetof(struct sockaddr_in6, sin6_addr);
	size_t len = family == AF_INET ? sizeof(struct in_addr) : sizeof(struct in6_addr);
	char text[INET6_ADDRSTRLEN];
	uint16_t network_port;
	if (address.len < at + len || !inet_ntop(family, address.data + at, text, sizeof text))
		return false;
	memcpy(&network_port, address.data + port_at, sizeof network_port);
	*port = ntohs(network_port);
	strbuf_add_string(out, text);
	return true;
}

static bool format_netlink(struct bytes address, struct strbuf *out)
{
	struct sockaddr_nl netlink;
	if (address.len < sizeof netlink)
		return false;
	memcpy(&netlink, address.data, sizeof netlink);
	strbuf_addf(out, "%u", netlink.nl_pid);
	return true;
}

static bool format_vsock(struct bytes address, struct strbuf *out, int64_t *port)
{
	struct sockaddr_vm vsock;
	if (address.len < sizeof vsock)
		return false;
	memcpy(&vsock, address.data, sizeof vsock);
	strbuf_addf(out, "%u", vsock.svm_cid);
	*port = vsock.svm_port;
	return true;
}

static void format_hex(struct bytes address, struct strbuf *out)
{
	for (size_t i = sizeof(sa_family_t); i < address.len; i++)
		strbuf_addf(out, "%02x", (unsigned char)address.data[i]);
}

void sockaddr_format(struct bytes address, struct strbuf *out, int64_t *port)
{
	int family = sockaddr_family(address);
	bool done = family < 0 || family == AF_UNSPEC;
	*port = SOCKADDR_NO_PORT;
	if (family == AF_UNIX) {
		format_unix(address, out);
		done = true;
	} else if (family == AF_INET || family == AF_INET6) {
		done = format_internet(address, family, out, port);
	} else if (family == AF_NETLINK) {
		done = format_netlink(address, out);
	} else if (family == AF_VSOCK) {
		done = format_vsock(address, out, port);
	}
	if (!done)
		format_hex(address, out);
}

bool sockaddr_unix_path(struct bytes address, struct bytes *path)
{
	if (sockaddr_family(address) != AF_UNIX || address.len <= sizeof(sa_family_t))
		return false;
	*path = bytes_of(address.data + sizeof(sa_family_t), address.len - sizeof(sa_family_t));
	path->len = strnlen(path->data, path->len);
	return path->len > 0;
}
