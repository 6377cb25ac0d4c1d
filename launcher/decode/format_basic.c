/* Arguments that are what they seem: numbers, descriptors, paths, strings, sets. */
#include "formatters.h"
#include "text.h"

#include <fcntl.h>
#include <inttypes.h>

void format_int(const struct decode_arg *arg)
{
	strbuf_addf(arg->out, "%" PRId32, (int32_t)arg->value);
}

void format_uint(const struct decode_arg *arg)
{
	strbuf_addf(arg->out, "%" PRIu32, (uint32_t)arg->value);
}

void format_long(const struct decode_arg *arg)
{
	bool narrow = arg->call->abi == ABI_I386;
	strbuf_addf(arg->out, "%" PRId64, narrow ? (int32_t)arg->value : (int64_t)arg->value);
}

void format_ulong(const struct decode_arg *arg)
{
	strbuf_addf(arg->out, "%" PRIu64, arg->value);
}

void format_hex(const struct decode_arg *arg)
{
	text_hex(arg->out, arg->value);
}

void format_hex32(const struct decode_arg *arg)
{
	bool private = (uint32_t)arg->value == 0 && strcmp(arg_meta(arg)->name, "key") == 0;
	if (private)
		strbuf_add_string(arg->out, "IPC_PRIVATE");
	else
		text_hex(arg->out, (uint32_t)arg->value);
}

void format_address(const struct decode_arg *arg)
{
	arg_print_address(arg);
}

void format_octal(const struct decode_arg *arg)
{
	text_octal(arg->out, arg->value & UINT32_MAX);
}

void format_fd(const struct decode_arg *arg)
{
	int fd = (int)arg->value;
	if (fd == AT_FDCWD)
		strbuf_addf(arg->out, "%d", fd);
	else
		arg_print_fd(arg->out, arg->call, arg->index, 0, fd);
}

void format_dirfd(const struct decode_arg *arg)
{
	arg_print_fd(arg->out, arg->call, arg->index, 0, (int)arg->value);
}

void format_path(const struct decode_arg *arg)
{
	const struct attach *path = arg_find(arg->call, ATTACH_PATH, arg->index, 0);
	if (!path)
		path = arg_data(arg);
	if (path)
		text_quoted(arg->out, path->bytes, path->truncated);
	else
		arg_print_address(arg);
}

void format_string(const struct decode_arg *arg)
{
	const struct attach *string = arg_data(arg);
	if (string)
		text_string(arg->out, string->bytes, string->truncated);
	else
		arg_print_address(arg);
}

/* A string of which the kernel reads whole what is short: hostname, module parameters. */
void format_buffer(const struct decode_arg *arg)
{
	const struct attach *buffer = arg_data(arg);
	bool written = arg_meta(arg)->capture == CAPTURE_BUFFER_OUT;
	if (buffer)
		text_string(arg->out, buffer->bytes, buffer->truncated);
	else if (written && arg->value && arg->call->ret == 0 && arg_call_succeeded(arg->call))
		strbuf_add_string(arg->out, "\"\"");
	else
		arg_print_address(arg);
}

void format_random(const struct decode_arg *arg)
{
	const struct attach *buffer = arg_data(arg);
	if (buffer)
		text_hex_string(arg->out, buffer->bytes, buffer->truncated);
	else
		arg_print_address(arg);
}

/* getcwd and readlink: all of what came back, getcwd's NUL left out. */
void format_path_buffer(const struct decode_arg *arg)
{
	const struct attach *buffer = arg_after(arg);
	if (!buffer) {
		arg_print_address(arg);
		return;
	}
	struct bytes path = buffer->bytes;
	if (path.len && path.data[path.len - 1] == '\0')
		path.len--;
	text_quoted(arg->out, path, buffer->truncated);
}

/* IPC_CREAT|0600: permissions stand among the flags. */
static void print_ipc_flags(struct strbuf *out, const struct set *set, uint32_t value)
{
	enum { PERMISSIONS = 0777 };
	if (value & ~(uint32_t)PERMISSIONS) {
		set_print(out, set, value & ~(uint32_t)PERMISSIONS);
		strbuf_add_char(out, '|');
	}
	text_octal(out, value & PERMISSIONS);
}

/* MAP_HUGETLB|21<<MAP_HUGE_SHIFT: the size of huge pages stands among the flags. */
static void print_mmap_flags(struct strbuf *out, uint64_t value)
{
	enum { HUGE_SHIFT = 26, HUGE_MASK = 0x3f, HUGETLB = 0x40000 };
	uint64_t size = value >> HUGE_SHIFT & HUGE_MASK;
	bool huge = (value & HUGETLB) && size;
	set_print(out, &set_mmap_flags, huge ? value & ~(size << HUGE_SHIFT) : value);
	if (huge)
		strbuf_addf(out, "|%" PRIu64 "<<MAP_HUGE_SHIFT", size);
}

/* The upper half of a register does not matter to a call that takes an int, whatever a careless
 * caller left there. */
void format_set(const struct decode_arg *arg)
{
	const struct set *set = arg_set(arg);
	if (!set)
		text_hex(arg->out, arg->value);
	else if (set == &set_mmap_flags)
		print_mmap_flags(arg->out, arg->value);
	else if (set == &set_shmget_flags || set == &set_ipc_flags)
		print_ipc_flags(arg->out, set, (uint32_t)arg->value);
	else
		set_print(arg->out, set, set_is_wide(set) ? arg->value : (uint32_t)arg->value);
}

void format_mode(const struct decode_arg *arg)
{
	text_octal(arg->out, (uint16_t)arg->value);
}

void format_mode_type(const struct decode_arg *arg)
{
	text_mode(arg->out, (uint16_t)arg->value);
}

void format_device(const struct decode_arg *arg)
{
	text_device(arg->out, (uint32_t)arg->value);
}

void format_pid(const struct decode_arg *arg)
{
	format_int(arg);
}

void format_id(const struct decode_arg *arg)
{
	text_id(arg->out, (uint32_t)arg->value);
}

void format_signal(const struct decode_arg *arg)
{
	text_signal(arg->out, (int)arg->value);
}

/* The number that a pointer leads to: [5]. */
void format_int_pointer(const struct decode_arg *arg)
{
	int32_t number;
	if (arg_read(arg, &number, sizeof number))
		strbuf_addf(arg->out, "[%" PRId32 "]", number);
}

void format_uint_pointer(const struct decode_arg *arg)
{
	uint32_t number;
	if (arg_read(arg, &number, sizeof number))
		strbuf_addf(arg->out, "[%" PRIu32 "]", number);
}

void format_hex_pointer(const struct decode_arg *arg)
{
	uint64_t number;
	if (arg_read(arg, &number, sizeof number)) {
		strbuf_add_char(arg->out, '[');
		text_address(arg->out, number);
		strbuf_add_char(arg->out, ']');
	}
}

/* An offset that the call moves on: [0] => [5]. */
void format_offset_pointer(const struct decode_arg *arg)
{
	const struct attach *after = arg_after(arg);
	int64_t offset, moved;
	if (!arg_read(arg, &offset, sizeof offset))
		return;
	strbuf_addf(arg->out, "[%" PRId64 "]", offset);
	if (after && arg_copy(after->bytes, 0, &moved, sizeof moved) && moved != offset)
		strbuf_addf(arg->out, " => [%" PRId64 "]", moved);
}

void format_fd_pair(const struct decode_arg *arg)
{
	int32_t fds[2];
	const struct attach *after = arg_after(arg);
	if (!after || !arg_copy(after->bytes, 0, fds, sizeof fds)) {
		arg_print_address(arg);
		return;
	}
	for (unsigned i = 0; i < 2; i++) {
		strbuf_add_string(arg->out, i ? ", " : "[");
		arg_print_fd(arg->out, arg->call, arg->index, i, fds[i]);
	}
	strbuf_add_char(arg->out, ']');
}

enum { SHOWN_STRINGS = 32 };

/* One that could not be read: its pointer. */
static bool print_gap(const struct decode_arg *arg, unsigned index)
{
	const struct attach *gap = arg_find(arg->call, ATTACH_ELEMENT, arg->index, index);
	uint64_t pointer;
	if (!gap || !arg_copy(gap->bytes, 0, &pointer, sizeof pointer))
		return false;
	text_address(arg->out, pointer);
	return true;
}

/* ["ls", "-l"] */
void format_argv(const struct decode_arg *arg)
{
	const struct attach *strings = arg_find(arg->call, ATTACH_STRINGS, arg->index, 0);
	if (!strings) {
		arg_print_address(arg);
		return;
	}
	struct bytes rest = strings->bytes, string;
	unsigned shown = 0;
	strbuf_add_char(arg->out, '[');
	while (shown < SHOWN_STRINGS && bytes_next_string(&rest, &string)) {
		if (shown++)
			strbuf_add_string(arg->out, ", ");
		if (!print_gap(arg, shown - 1))
			text_string(arg->out, string, false);
	}
	if (rest.len || strings->truncated)
		strbuf_add_string(arg->out, shown ? ", ..." : "...");
	strbuf_add_char(arg->out, ']');
}

/* 0x7ffc... / * 23 vars * / */
void format_envp(const struct decode_arg *arg)
{
	const struct attach *strings = arg_find(arg->call, ATTACH_STRINGS, arg->index, 0);
	arg_print_address(arg);
	if (!strings)
		return;
	struct bytes rest = strings->bytes, string;
	size_t count = 0;
	while (bytes_next_string(&rest, &string))
		count++;
	strbuf_addf(arg->out, " /* %zu var%s%s */", count, count == 1 ? "" : "s",
		    strings->truncated ? ", unterminated" : "");
}
