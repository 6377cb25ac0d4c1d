/* Waiting for descriptors: poll, select, epoll; and what goes with asynchronous I/O. */
#include "formatters.h"
#include "text.h"

#include <inttypes.h>
#include <linux/io_uring.h>
#include <poll.h>
#include <sys/epoll.h>

static void print_poll_entry(struct strbuf *out, const struct pollfd *entry)
{
	strbuf_addf(out, "{fd=%d", entry->fd);
	if (entry->fd >= 0) {
		strbuf_add_string(out, ", events=");
		set_print(out, &set_poll_events, (uint16_t)entry->events);
	}
	strbuf_add_char(out, '}');
}

void format_pollfds(const struct decode_arg *arg)
{
	const struct attach *entries = arg_data(arg);
	struct pollfd entry;
	size_t count = 0;
	if (!entries || !arg->value) {
		arg_print_address(arg);
		return;
	}
	strbuf_add_char(arg->out, '[');
	while (count < FORMAT_ELEMENTS && arg_copy(entries->bytes, count * sizeof entry, &entry, sizeof entry)) {
		if (count++)
			strbuf_add_string(arg->out, ", ");
		print_poll_entry(arg->out, &entry);
	}
	if (entries->truncated || count * sizeof entry < entries->bytes.len)
		strbuf_add_string(arg->out, ", ...");
	strbuf_add_char(arg->out, ']');
}

/* [{fd=5, revents=POLLIN}]: the descriptors that are ready. */
bool format_ready_pollfds(struct strbuf *out, const struct attach *entries)
{
	struct pollfd entry;
	size_t shown = 0;
	if (!entries)
		return false;
	strbuf_add_char(out, '[');
	for (size_t i = 0; shown < FORMAT_ELEMENTS && arg_copy(entries->bytes, i * sizeof entry, &entry, sizeof entry); i++) {
		if (!entry.revents)
			continue;
		strbuf_addf(out, shown++ ? ", {fd=%d, revents=" : "{fd=%d, revents=", entry.fd);
		set_print(out, &set_poll_events, (uint16_t)entry.revents);
		strbuf_add_char(out, '}');
	}
	strbuf_add_char(out, ']');
	return true;
}

static void print_epoll_event(struct strbuf *out, const struct epoll_event *event)
{
	strbuf_add_string(out, "{events=");
	set_print(out, &set_epoll_events, event->events);
	strbuf_addf(out, ", data={u32=%" PRIu32 ", u64=%" PRIu64 "}}", (uint32_t)event->data.u64, event->data.u64);
}

void format_epoll_event(const struct decode_arg *arg)
{
	struct epoll_event event;
	if (arg_read(arg, &event, sizeof event))
		print_epoll_event(arg->out, &event);
}

/* The events that epoll_wait brought back, as many as it says. */
void format_epoll_events(const struct decode_arg *arg)
{
	const struct attach *events = arg_after(arg);
	struct epoll_event event;
	size_t count = 0;
	if (!events && (!arg_call_succeeded(arg->call) || arg->call->ret != 0)) {
		arg_print_address(arg);
		return;
	}
	strbuf_add_char(arg->out, '[');
	while (events && count < FORMAT_ELEMENTS &&
	       arg_copy(events->bytes, count * sizeof event, &event, sizeof event)) {
		if (count++)
			strbuf_add_string(arg->out, ", ");
		print_epoll_event(arg->out, &event);
	}
	if (events && (events->truncated || count * sizeof event < events->bytes.len))
		strbuf_add_string(arg->out, ", ...");
	strbuf_add_char(arg->out, ']');
}

/* [3 5]: the members of a descriptor set below `limit`. */
void format_fd_set_members(struct strbuf *out, struct bytes set, uint64_t limit)
{
	bool any = false;
	strbuf_add_char(out, '[');
	for (size_t fd = 0; fd < limit && fd < set.len * 8; fd++) {
		if (!((unsigned char)set.data[fd / 8] >> (fd % 8) & 1))
			continue;
		strbuf_addf(out, any ? " %zu" : "%zu", fd);
		any = true;
	}
	strbuf_add_char(out, ']');
}

void format_fd_set(const struct decode_arg *arg)
{
	const struct attach *set = arg_before(arg);
	if (set)
		format_fd_set_members(arg->out, set->bytes, (uint32_t)arg->call->args[0]);
	else
		arg_print_address(arg);
}

/* pselect6's last argument: where the mask is, and its size. */
void format_sigset_arg(const struct decode_arg *arg)
{
	uint64_t pair[2];
	if (!arg_read(arg, pair, sizeof pair))
		return;
	strbuf_add_string(arg->out, "{sigmask=");
	text_address(arg->out, pair[0]);
	strbuf_addf(arg->out, ", sigsetsize=%" PRIu64 "}", pair[1]);
}

void format_io_uring_params(const struct decode_arg *arg)
{
	struct io_uring_params params;
	const struct attach *after = arg_after(arg);
	bool answered = after && arg_copy(after->bytes, 0, &params, sizeof params);
	if (!answered && !arg_read(arg, &params, sizeof params))
		return;
	strbuf_add_string(arg->out, "{flags=");
	set_print(arg->out, &set_io_uring_setup_flags, params.flags);
	strbuf_addf(arg->out, ", sq_thread_cpu=%u, sq_thread_idle=%u", params.sq_thread_cpu, params.sq_thread_idle);
	if (answered) {
		strbuf_addf(arg->out, ", sq_entries=%u, cq_entries=%u, features=", params.sq_entries, params.cq_entries);
		set_print(arg->out, &set_io_uring_features, params.features);
	}
	strbuf_add_string(arg->out, ", ...}");
}
