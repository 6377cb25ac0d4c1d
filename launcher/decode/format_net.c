/* Sockets: addresses, options, messages. */
#include "formatters.h"
#include "text.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <linux/if_packet.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>


static bool print_unix(struct strbuf *out, struct bytes address)
{
	size_t at = offsetof(struct sockaddr_un, sun_path);
	struct bytes path = bytes_of(address.data + at, address.len - at);
	if (path.len == 0)
		return true;
	strbuf_add_string(out, ", sun_path=");
	if (path.data[0] == '\0') {
		strbuf_add_char(out, '@');
		text_quoted(out, bytes_of(path.data + 1, path.len - 1), false);
		return true;
	}
	text_quoted(out, bytes_of(path.data, strnlen(path.data, path.len)), false);
	return true;
}

static bool print_inet(struct strbuf *out, struct bytes address)
{
	struct sockaddr_in inet;
	char text[INET_ADDRSTRLEN];
	if (!arg_copy(address, 0, &inet, sizeof inet) || !inet_ntop(AF_INET, &inet.sin_addr, text, sizeof text))
		return false;
	strbuf_addf(out, ", sin_port=htons(%u), sin_addr=inet_addr(\"%s\")", ntohs(inet.sin_port), text);
	return true;
}

static bool print_inet6(struct strbuf *out, struct bytes address)
{
	struct sockaddr_in6 inet;
	char text[INET6_ADDRSTRLEN];
	if (!arg_copy(address, 0, &inet, sizeof inet) || !inet_ntop(AF_INET6, &inet.sin6_addr, text, sizeof text))
		return false;
	strbuf_addf(out, ", sin6_port=htons(%u), sin6_flowinfo=htonl(%" PRIu32 ")", ntohs(inet.sin6_port),
		    ntohl(inet.sin6_flowinfo));
	strbuf_addf(out, ", inet_pton(AF_INET6, \"%s\", &sin6_addr), sin6_scope_id=%" PRIu32, text,
		    inet.sin6_scope_id);
	return true;
}

static bool print_netlink(struct strbuf *out, struct bytes address)
{
	struct sockaddr_nl netlink;
	if (!arg_copy(address, 0, &netlink, sizeof netlink))
		return false;
	strbuf_addf(out, ", nl_pid=%" PRIu32 ", nl_groups=%#08" PRIx32, netlink.nl_pid, netlink.nl_groups);
	return true;
}

static void print_ether_protocol(struct strbuf *out, uint16_t protocol)
{
	strbuf_add_string(out, "htons(");
	set_print(out, &set_ether_protocol, protocol);
	strbuf_add_char(out, ')');
}

static bool print_packet(struct strbuf *out, struct bytes address)
{
	struct sockaddr_ll packet;
	if (!arg_copy(address, 0, &packet, sizeof packet))
		return false;
	strbuf_add_string(out, ", sll_protocol=");
	print_ether_protocol(out, ntohs(packet.sll_protocol));
	strbuf_addf(out, ", sll_ifindex=%d, sll_hatype=", packet.sll_ifindex);
	set_print(out, &set_arp_hardware, packet.sll_hatype);
	strbuf_add_string(out, ", sll_pkttype=");
	set_print(out, &set_packet_type, packet.sll_pkttype);
	strbuf_addf(out, ", sll_halen=%u", packet.sll_halen);
	for (unsigned i = 0; i < packet.sll_halen && i < sizeof packet.sll_addr; i++)
		strbuf_addf(out, i ? ", %#02x" : ", sll_addr=[%#02x", packet.sll_addr[i]);
	if (packet.sll_halen)
		strbuf_add_char(out, ']');
	return true;
}

static const struct {
	uint16_t family;
	bool (*print)(struct strbuf *out, struct bytes address);
} address_printers[] = {
	{ AF_UNIX, print_unix }, { AF_INET, print_inet }, { AF_INET6, print_inet6 },
	{ AF_NETLINK, print_netlink }, { AF_PACKET, print_packet },
};

static bool print_known_family(struct strbuf *out, uint16_t family, struct bytes address)
{
	for (size_t i = 0; i < sizeof address_printers / sizeof *address_printers; i++)
		if (address_printers[i].family == family)
			return address_printers[i].print(out, address);
	return false;
}

/* {sa_family=AF_INET, ...}; false, and nothing printed, for what is too short to have a family. */
static bool print_address(struct strbuf *out, struct bytes address)
{
	uint16_t family;
	if (!arg_copy(address, 0, &family, sizeof family))
		return false;
	strbuf_add_string(out, "{sa_family=");
	set_print(out, &set_socket_domain, family);
	if (!print_known_family(out, family, address) && address.len > sizeof family) {
		strbuf_add_string(out, ", sa_data=");
		text_quoted(out, bytes_of(address.data + sizeof family, address.len - sizeof family), false);
	}
	strbuf_add_char(out, '}');
	return true;
}

void format_sockaddr(const struct decode_arg *arg)
{
	const struct attach *data = arg_data(arg);
	if (!data || !print_address(arg->out, data->bytes))
		arg_print_address(arg);
}

/* A length that the call may change: [128 => 16]. */
void format_length_pointer(const struct decode_arg *arg)
{
	int32_t before, after;
	const struct attach *out = arg_after(arg);
	if (!arg_read(arg, &before, sizeof before))
		return;
	strbuf_addf(arg->out, "[%d", before);
	if (out && arg_copy(out->bytes, 0, &after, sizeof after) && after != before)
		strbuf_addf(arg->out, " => %d", after);
	strbuf_add_char(arg->out, ']');
}

/* socket's third argument means what its first says. */
void format_socket_protocol(const struct decode_arg *arg)
{
	uint32_t protocol = (uint32_t)arg->value;
	switch (arg->call->args[0]) {
	case AF_INET:
	case AF_INET6:
		set_print(arg->out, &set_ip_protocol, protocol);
		break;
	case AF_NETLINK:
		set_print(arg->out, &set_netlink_protocol, protocol);
		break;
	case AF_PACKET:
		print_ether_protocol(arg->out, ntohs((uint16_t)protocol));
		break;
	default:
		strbuf_addf(arg->out, "%" PRIu32, protocol);
	}
}

static const struct {
	uint16_t level;
	const struct set *names;
} option_levels[] = {
	{ SOL_SOCKET, &set_sockopt_socket }, { IPPROTO_IP, &set_sockopt_ip }, { IPPROTO_TCP, &set_sockopt_tcp },
	{ IPPROTO_UDP, &set_sockopt_udp }, { IPPROTO_IPV6, &set_sockopt_ipv6 }, { SOL_RAW, &set_sockopt_raw },
	{ SOL_PACKET, &set_sockopt_packet }, { SOL_NETLINK, &set_sockopt_netlink },
	{ SOL_TLS, &set_sockopt_tls }, { SOL_ALG, &set_sockopt_alg },
};

void format_sockopt_name(const struct decode_arg *arg)
{
	for (size_t i = 0; i < sizeof option_levels / sizeof *option_levels; i++) {
		if (option_levels[i].level != (uint32_t)arg->call->args[1])
			continue;
		set_print(arg->out, option_levels[i].names, (uint32_t)arg->value);
		return;
	}
	strbuf_addf(arg->out, "%" PRIu32, (uint32_t)arg->value);
}

static bool print_linger(struct strbuf *out, struct bytes value)
{
	struct linger linger;
	if (!arg_copy(value, 0, &linger, sizeof linger))
		return false;
	strbuf_addf(out, "{l_onoff=%d, l_linger=%d}", linger.l_onoff, linger.l_linger);
	return true;
}

static bool print_credentials(struct strbuf *out, struct bytes value)
{
	struct ucred credentials;
	if (!arg_copy(value, 0, &credentials, sizeof credentials))
		return false;
	strbuf_addf(out, "{pid=%d, uid=", credentials.pid);
	text_id(out, credentials.uid);
	strbuf_add_string(out, ", gid=");
	text_id(out, credentials.gid);
	strbuf_add_char(out, '}');
	return true;
}

static bool print_special_option(const struct decode_arg *arg, struct bytes value)
{
	if (arg->call->args[1] != SOL_SOCKET)
		return false;
	switch (arg->call->args[2]) {
	case SO_LINGER: return print_linger(arg->out, value);
	case SO_PEERCRED: return print_credentials(arg->out, value);
	}
	return false;
}

static bool option_is_string(const struct decode_arg *arg)
{
	enum { LEVEL_TCP = 6, CONGESTION = 13, UPPER_LAYER_PROTOCOL = 31 };
	uint64_t level = arg->call->args[1], name = arg->call->args[2];
	return (level == SOL_SOCKET && name == SO_BINDTODEVICE) ||
	       (level == LEVEL_TCP && (name == CONGESTION || name == UPPER_LAYER_PROTOCOL));
}

/* The value of a socket option: [1] for a number, else its bytes. */
void format_sockopt(const struct decode_arg *arg)
{
	const struct attach *data = arg_data(arg);
	int32_t number;
	if (!data) {
		arg_print_address(arg);
		return;
	}
	if (print_special_option(arg, data->bytes))
		return;
	if (!option_is_string(arg) && data->bytes.len == sizeof number &&
	    arg_copy(data->bytes, 0, &number, sizeof number))
		strbuf_addf(arg->out, "[%d]", number);
	else
		text_string(arg->out, data->bytes, data->truncated);
}

static void print_element(const struct decode_arg *arg, const struct iovec *iov, unsigned index)
{
	const struct attach *element = arg_find(arg->call, ATTACH_ELEMENT, arg->index, index);
	strbuf_add_string(arg->out, "{iov_base=");
	if (element)
		text_string(arg->out, element->bytes, element->truncated);
	else
		text_address(arg->out, (uint64_t)(uintptr_t)iov->iov_base);
	strbuf_addf(arg->out, ", iov_len=%zu}", iov->iov_len);
}

static void print_iovecs(const struct decode_arg *arg, const struct attach *vectors)
{
	struct iovec iov;
	unsigned count = 0;
	strbuf_add_char(arg->out, '[');
	while (arg_copy(vectors->bytes, count * sizeof iov, &iov, sizeof iov)) {
		if (count)
			strbuf_add_string(arg->out, ", ");
		print_element(arg, &iov, count++);
	}
	if (vectors->truncated)
		strbuf_add_string(arg->out, count ? ", ..." : "...");
	strbuf_add_char(arg->out, ']');
}

void format_iovec(const struct decode_arg *arg)
{
	const struct attach *vectors = arg_data(arg);
	if (vectors)
		print_iovecs(arg, vectors);
	else
		arg_print_address(arg);
}

static void print_rights(struct strbuf *out, struct bytes data)
{
	int32_t fd;
	for (size_t at = 0; arg_copy(data, at, &fd, sizeof fd); at += sizeof fd)
		strbuf_addf(out, at ? ", %d" : "[%d", fd);
	strbuf_add_string(out, data.len < sizeof fd ? "[]" : "]");
}

static void print_control_data(struct strbuf *out, const struct cmsghdr *header, struct bytes data)
{
	bool socket = header->cmsg_level == SOL_SOCKET;
	strbuf_add_string(out, ", cmsg_data=");
	if (socket && header->cmsg_type == SCM_RIGHTS)
		print_rights(out, data);
	else if (!socket || header->cmsg_type != SCM_CREDENTIALS || !print_credentials(out, data))
		text_quoted(out, data, false);
}

static void print_control(struct strbuf *out, const struct attach *control)
{
	struct cmsghdr header;
	size_t at = 0;
	strbuf_add_char(out, '[');
	while (arg_copy(control->bytes, at, &header, sizeof header)) {
		size_t left = control->bytes.len - at;
		if (header.cmsg_len < sizeof header)
			break;
		strbuf_addf(out, at ? ", {cmsg_len=%zu, cmsg_level=" : "{cmsg_len=%zu, cmsg_level=", header.cmsg_len);
		set_print(out, &set_sockopt_level, (uint32_t)header.cmsg_level);
		strbuf_add_string(out, ", cmsg_type=");
		set_print(out, &set_scm_type,
			  (uint32_t)header.cmsg_type);
		size_t len = header.cmsg_len < left ? header.cmsg_len : left;
		print_control_data(out, &header, bytes_of(control->bytes.data + at + sizeof header, len - sizeof header));
		strbuf_add_char(out, '}');
		if (header.cmsg_len >= left)
			break;
		at += CMSG_ALIGN(header.cmsg_len);
	}
	strbuf_add_string(out, control->truncated ? ", ...]" : "]");
}

static void print_name(const struct decode_arg *arg, const struct msghdr *header, unsigned index)
{
	const struct attach *name = arg_find(arg->call, ATTACH_NAME, arg->index, index);
	strbuf_add_string(arg->out, "{msg_name=");
	if (!name || !header->msg_namelen || !print_address(arg->out, name->bytes))
		text_address(arg->out, (uint64_t)(uintptr_t)header->msg_name);
	strbuf_addf(arg->out, ", msg_namelen=%u, msg_iov=", header->msg_namelen);
}

static void print_tail(const struct decode_arg *arg, const struct msghdr *header, const struct attach *control)
{
	strbuf_addf(arg->out, ", msg_iovlen=%zu", header->msg_iovlen);
	if (header->msg_controllen) {
		strbuf_add_string(arg->out, ", msg_control=");
		if (control)
			print_control(arg->out, control);
		else
			text_address(arg->out, (uint64_t)(uintptr_t)header->msg_control);
	}
	strbuf_addf(arg->out, ", msg_controllen=%zu, msg_flags=", header->msg_controllen);
	set_print(arg->out, &set_msg_flags, (uint32_t)header->msg_flags);
	strbuf_add_char(arg->out, '}');
}

void format_msghdr(const struct decode_arg *arg)
{
	struct msghdr header;
	const struct attach *vectors = arg_find(arg->call, ATTACH_IOVECS, arg->index, 0);
	if (!arg_read(arg, &header, sizeof header))
		return;
	print_name(arg, &header, 0);
	if (vectors)
		print_iovecs(arg, vectors);
	else
		text_address(arg->out, (uint64_t)(uintptr_t)header.msg_iov);
	print_tail(arg, &header, arg_find(arg->call, ATTACH_CONTROL, arg->index, 0));
}

/* Of each of several messages only the first element is kept. */
static void print_message(const struct decode_arg *arg, const struct mmsghdr *message, unsigned index)
{
	const struct attach *element = arg_find(arg->call, ATTACH_ELEMENT, arg->index, index);
	strbuf_add_string(arg->out, "{msg_hdr=");
	print_name(arg, &message->msg_hdr, index);
	if (element) {
		strbuf_add_string(arg->out, "[{iov_base=");
		text_string(arg->out, element->bytes, element->truncated);
		strbuf_add_string(arg->out, message->msg_hdr.msg_iovlen > 1 ? "}, ...]" : "}]");
	} else {
		text_address(arg->out, (uint64_t)(uintptr_t)message->msg_hdr.msg_iov);
	}
	print_tail(arg, &message->msg_hdr, NULL);
	strbuf_addf(arg->out, ", msg_len=%u}", message->msg_len);
}

void format_mmsghdr(const struct decode_arg *arg)
{
	const struct attach *messages = arg_data(arg);
	struct mmsghdr message;
	unsigned count = 0;
	if (!messages) {
		arg_print_address(arg);
		return;
	}
	strbuf_add_char(arg->out, '[');
	while (arg_copy(messages->bytes, count * sizeof message, &message, sizeof message)) {
		if (count)
			strbuf_add_string(arg->out, ", ");
		print_message(arg, &message, count++);
	}
	if (messages->truncated)
		strbuf_add_string(arg->out, count ? ", ..." : "...");
	strbuf_add_char(arg->out, ']');
}
