/* One argument and its attachments: see arg.h. Prints nothing but addresses and descriptors. */
#include "arg.h"

#include "text.h"

#include <fcntl.h>

enum { ERRNO_MAX = 4095 };

static uint64_t widened(const struct event_syscall *call, uint64_t value)
{
	return call->abi == ABI_I386 ? (uint32_t)value : value;
}

struct decode_arg arg_of(struct strbuf *out, const struct event_syscall *call,
			 const struct syscall_desc *desc, unsigned index)
{
	return (struct decode_arg){
		.out = out, .call = call, .desc = desc, .index = index,
		.value = widened(call, call->args[index]),
	};
}

const struct syscall_arg *arg_meta(const struct decode_arg *arg)
{
	return &arg->desc->args[arg->index];
}

bool arg_call_is(const struct decode_arg *arg, const char *name)
{
	return strcmp(arg->desc->name, name) == 0;
}

bool arg_call_succeeded(const struct event_syscall *call)
{
	bool failed = call->ret < 0 && call->ret >= -ERRNO_MAX;
	return !failed && !(call->flags & SYSCALL_NO_RETURN);
}

const struct attach *arg_find(const struct event_syscall *call, enum attach_kind kind,
			      unsigned arg, unsigned index)
{
	for (unsigned i = 0; i < call->attach_count && i < ATTACH_MAX; i++) {
		const struct attach *attach = &call->attach[i];
		if (attach->kind == kind && attach->arg == arg && attach->index == index)
			return attach;
	}
	return NULL;
}

const struct attach *arg_before(const struct decode_arg *arg)
{
	return arg_find(arg->call, ATTACH_DATA, arg->index, 0);
}

const struct attach *arg_after(const struct decode_arg *arg)
{
	return arg_find(arg->call, ATTACH_DATA_OUT, arg->index, 0);
}

const struct attach *arg_data(const struct decode_arg *arg)
{
	const struct attach *before = arg_before(arg);
	return before ? before : arg_after(arg);
}

bool arg_copy(struct bytes bytes, size_t offset, void *out, size_t size)
{
	if (offset > bytes.len || bytes.len - offset < size)
		return false;
	if (size)
		memcpy(out, bytes.data + offset, size);
	return true;
}

bool arg_read(const struct decode_arg *arg, void *out, size_t size)
{
	const struct attach *attach = arg_data(arg);
	if (attach && arg_copy(attach->bytes, 0, out, size))
		return true;
	arg_print_address(arg);
	return false;
}

bool arg_read_latest(const struct decode_arg *arg, void *out, size_t size)
{
	const struct attach *after = arg_after(arg);
	return (after && arg_copy(after->bytes, 0, out, size)) || arg_read(arg, out, size);
}

void arg_print_address(const struct decode_arg *arg)
{
	text_address(arg->out, arg->value);
}

/* /proc names a file that is gone "/path (deleted)"; the text puts the remark behind the name. */
static struct bytes without_remark(struct bytes name, struct bytes remark)
{
	if (name.len <= remark.len || name.data[0] != '/')
		return name;
	struct bytes tail = bytes_of(name.data + name.len - remark.len, remark.len);
	return bytes_equal(tail, remark) ? bytes_of(name.data, name.len - remark.len) : name;
}

void arg_print_fd(struct strbuf *out, const struct event_syscall *call, unsigned arg,
		  unsigned index, int fd)
{
	const struct attach *attach = arg_find(call, ATTACH_FD, arg, index);
	if (fd == AT_FDCWD)
		strbuf_add_string(out, "AT_FDCWD");
	else
		strbuf_addf(out, "%d", fd);
	if (!attach)
		return;
	struct bytes name = without_remark(attach->bytes, bytes_of_string(" (deleted)"));
	strbuf_add_char(out, '<');
	text_bracketed(out, name);
	strbuf_add_string(out, name.len == attach->bytes.len ? ">" : ">(deleted)");
}
