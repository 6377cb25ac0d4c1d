/* ioctl: the name of a request, and what its argument is where that is known. */
#include "formatters.h"
#include "text.h"

#include <asm/ioctls.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <linux/ioctl.h>
#include <linux/sockios.h>

/* As asm/termbits.h has it: the kernel's, not the C library's. */
struct kernel_termios {
	uint32_t iflag, oflag, cflag, lflag;
	uint8_t line, cc[19];
};

static void ioctl_termios(const struct decode_arg *arg)
{
	struct kernel_termios settings;
	if (!arg_read(arg, &settings, sizeof settings))
		return;
	strbuf_add_string(arg->out, "{c_iflag=");
	set_print(arg->out, &set_termios_iflag, settings.iflag);
	strbuf_add_string(arg->out, ", c_oflag=");
	set_print(arg->out, &set_termios_oflag, settings.oflag);
	strbuf_add_string(arg->out, ", c_cflag=");
	set_print(arg->out, &set_termios_cflag, settings.cflag);
	strbuf_add_string(arg->out, ", c_lflag=");
	set_print(arg->out, &set_termios_lflag, settings.lflag);
	strbuf_add_string(arg->out, ", ...}");
}

static void ioctl_window_size(const struct decode_arg *arg)
{
	uint16_t size[4];
	if (arg_read(arg, size, sizeof size))
		strbuf_addf(arg->out, "{ws_row=%u, ws_col=%u, ws_xpixel=%u, ws_ypixel=%u}", size[0], size[1],
			    size[2], size[3]);
}

static void ioctl_flush(const struct decode_arg *arg)
{
	set_print(arg->out, &set_tcflush, (uint32_t)arg->value);
}

static void ioctl_flow(const struct decode_arg *arg)
{
	set_print(arg->out, &set_tcxonc, (uint32_t)arg->value);
}

static void ioctl_size64(const struct decode_arg *arg)
{
	uint64_t size;
	if (arg_read(arg, &size, sizeof size))
		strbuf_addf(arg->out, "[%" PRIu64 "]", size);
}

static void ioctl_source_fd(const struct decode_arg *arg)
{
	format_int(arg);
}

static void ioctl_clone_range(const struct decode_arg *arg)
{
	struct file_clone_range range;
	if (arg_read(arg, &range, sizeof range))
		strbuf_addf(arg->out, "{src_fd=%" PRId64 ", src_offset=%" PRIu64 ", src_length=%" PRIu64 ", dest_offset=%" PRIu64 "}",
			    (int64_t)range.src_fd, (uint64_t)range.src_offset, (uint64_t)range.src_length,
			    (uint64_t)range.dest_offset);
}

/* What the argument of a request is. Without a line here: an address, or no argument at all where
 * the request is of the kind that carries none. */
static const struct {
	uint32_t request;
	decode_formatter *format; /* NULL: there is no argument */
} ioctl_args[] = {
	{ TCGETS, ioctl_termios }, { TCSETS, ioctl_termios }, { TCSETSW, ioctl_termios }, { TCSETSF, ioctl_termios },
	{ TIOCGWINSZ, ioctl_window_size }, { TIOCSWINSZ, ioctl_window_size },
	{ TIOCGPGRP, format_int_pointer }, { TIOCSPGRP, format_int_pointer }, { TIOCGSID, format_int_pointer },
	{ TIOCGPTN, format_int_pointer }, { TIOCSPTLCK, format_int_pointer }, { TIOCGPTLCK, format_int_pointer },
	{ FIONREAD, format_int_pointer }, { FIONBIO, format_int_pointer }, { FIOASYNC, format_int_pointer },
	{ TIOCOUTQ, format_int_pointer }, { FIOSETOWN, format_int_pointer }, { FIOGETOWN, format_int_pointer },
	{ TIOCEXCL, NULL }, { TIOCNXCL, NULL }, { TIOCNOTTY, NULL }, { TIOCCONS, NULL }, { TIOCVHANGUP, NULL },
	{ FIOCLEX, NULL }, { FIONCLEX, NULL },
	{ TIOCSCTTY, format_int }, { TIOCGPTPEER, format_hex }, { TCSBRK, format_int }, { TCSBRKP, format_int },
	{ TCFLSH, ioctl_flush }, { TCXONC, ioctl_flow },
	{ BLKGETSIZE64, ioctl_size64 }, { BLKROSET, format_int_pointer }, { BLKROGET, format_int_pointer },
	{ BLKSSZGET, format_int_pointer }, { BLKFLSBUF, NULL }, { BLKRRPART, NULL },
	{ FICLONE, ioctl_source_fd }, { FICLONERANGE, ioctl_clone_range },
	{ FIFREEZE, NULL }, { FITHAW, NULL },
};

static bool find_shape(uint32_t request, decode_formatter **format)
{
	for (size_t i = 0; i < sizeof ioctl_args / sizeof *ioctl_args; i++) {
		if (ioctl_args[i].request != request)
			continue;
		*format = ioctl_args[i].format;
		return true;
	}
	return false;
}

void format_ioctl_arg(const struct decode_arg *arg)
{
	decode_formatter *format = NULL;
	find_shape((uint32_t)arg->call->args[1], &format);
	if (format)
		format(arg);
	else if (set_find_sorted(&set_ioctl_request, (uint32_t)arg->call->args[1]))
		arg_print_address(arg);
	else
		text_hex(arg->out, arg->value);
}

/* A request that carries nothing, and known not to take a number either. */
bool format_ioctl_has_arg(uint64_t request)
{
	decode_formatter *format;
	if (find_shape((uint32_t)request, &format))
		return format;
	enum { NAMESPACES = 0xb7 };
	return _IOC_TYPE(request) != NAMESPACES || _IOC_DIR(request) != _IOC_NONE;
}

static void print_direction(struct strbuf *out, unsigned direction)
{
	static const char *const names[] = {
		[_IOC_NONE] = "_IOC_NONE", [_IOC_WRITE] = "_IOC_WRITE", [_IOC_READ] = "_IOC_READ",
		[_IOC_READ | _IOC_WRITE] = "_IOC_READ|_IOC_WRITE",
	};
	strbuf_add_string(out, names[direction]);
}

/* Input devices put the length of a buffer, or the number of an axis, into the request. */
static bool print_event_device(struct strbuf *out, uint32_t request)
{
	static const struct {
		uint8_t number;
		const char *name;
	} sized[] = {
		{ 0x06, "EVIOCGNAME" }, { 0x07, "EVIOCGPHYS" }, { 0x08, "EVIOCGUNIQ" }, { 0x09, "EVIOCGPROP" },
		{ 0x0a, "EVIOCGMTSLOTS" }, { 0x18, "EVIOCGKEY" }, { 0x19, "EVIOCGLED" }, { 0x1a, "EVIOCGSND" },
		{ 0x1b, "EVIOCGSW" },
	};
	enum { BITS_FIRST = 0x20, AXES_FIRST = 0x40, AXES_LAST = 0x7f };
	unsigned number = _IOC_NR(request);
	if (_IOC_TYPE(request) != 'E' || _IOC_DIR(request) != _IOC_READ)
		return false;
	for (size_t i = 0; i < sizeof sized / sizeof *sized; i++) {
		if (sized[i].number != number)
			continue;
		strbuf_addf(out, "%s(%u)", sized[i].name, (unsigned)_IOC_SIZE(request));
		return true;
	}
	if (number >= BITS_FIRST && number < AXES_FIRST)
		strbuf_addf(out, "EVIOCGBIT(%#x, %u)", number - BITS_FIRST, (unsigned)_IOC_SIZE(request));
	else if (number >= AXES_FIRST && number <= AXES_LAST)
		strbuf_addf(out, "EVIOCGABS(%#x)", number - AXES_FIRST);
	else
		return false;
	return true;
}

void format_ioctl_command(const struct decode_arg *arg)
{
	uint32_t request = (uint32_t)arg->value;
	const struct set_value *end = set_ioctl_request.values + set_ioctl_request.count;
	const struct set_value *name = set_find_sorted(&set_ioctl_request, request);
	if (!name && print_event_device(arg->out, request))
		return;
	if (!name) {
		strbuf_add_string(arg->out, "_IOC(");
		print_direction(arg->out, _IOC_DIR(request));
		strbuf_addf(arg->out, ", %#x, %#x, %#x)", (unsigned)_IOC_TYPE(request), (unsigned)_IOC_NR(request),
			    (unsigned)_IOC_SIZE(request));
		return;
	}
	strbuf_add_string(arg->out, name->name);
	while (++name < end && name->value == request)
		strbuf_addf(arg->out, " or %s", name->name);
}
