/* Any event whatever becomes text without a crash, an over-read or an endless loop: the bytes choose
 * the call, its numbers and attachments that need not fit it. */
#include "decode/decode.h"
#include "syscall.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
	const uint8_t *data;
	size_t left;
};

static void take(struct input *input, void *out, size_t size)
{
	size_t got = size < input->left ? size : input->left;
	memset(out, 0, size);
	if (got)
		memcpy(out, input->data, got);
	input->data += got;
	input->left -= got;
}

/* Numbers are mostly small, so that they mean something. */
static uint64_t take_number(struct input *input)
{
	uint8_t width;
	uint64_t number = 0;
	take(input, &width, 1);
	take(input, &number, width % 9);
	return width & 0x80 ? 0 - number : number;
}

/* A copy of its own, so that reading one byte too far is seen. */
static struct bytes take_bytes(struct input *input)
{
	uint8_t wanted;
	take(input, &wanted, 1);
	size_t len = wanted < input->left ? wanted : input->left;
	char *copy = malloc(len ? len : 1);
	if (!copy)
		abort();
	take(input, copy, len);
	return bytes_of(copy, len);
}

static void take_attachments(struct input *input, struct event_syscall *call)
{
	while (input->left > 4 && call->attach_count < ATTACH_MAX) {
		struct attach *attach = &call->attach[call->attach_count++];
		uint8_t head[4];
		take(input, head, sizeof head);
		attach->kind = head[0] % ATTACH_KINDS;
		attach->arg = head[1] % (ATTACH_RETURN + 1);
		attach->index = head[2];
		attach->truncated = head[3] & 1;
		attach->bytes = take_bytes(input);
	}
}

static void decode_all(const struct event *event)
{
	struct strbuf out = { 0 };
	decode_name(&out, event);
	decode_args(&out, event);
	decode_return(&out, event);
	for (unsigned i = 0; i < 6; i++) {
		decode_arg(&out, event, i);
		(void)decode_arg_is_used(event, i);
	}
	strbuf_free(&out);
}

static void decode_as_signal(const uint64_t *numbers)
{
	struct event event = {
		.kind = EVENT_SIGNAL,
		.signal = {
			.number = (int32_t)numbers[0], .code = (int32_t)numbers[1], .address = numbers[2],
			.from_pid = (int32_t)numbers[3], .has_details = numbers[3] & 1, .from_uid = (uint32_t)numbers[4],
			.child_status = (int32_t)numbers[4], .child_user_ticks = numbers[5], .value = numbers[5],
		},
	};
	struct strbuf out = { 0 };
	decode_signal(&out, &event);
	strbuf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = { data, size };
	struct event event = { .kind = EVENT_SYSCALL };
	struct event_syscall *call = &event.syscall;
	uint16_t number;
	take(&input, &number, sizeof number);
	take(&input, &call->abi, 1);
	take(&input, &call->flags, 1);
	call->abi %= ABI_UNKNOWN + 1;
	call->number = number & 0x1ff;
	call->ret = (int64_t)take_number(&input);
	for (unsigned i = 0; i < 6; i++)
		call->args[i] = take_number(&input);
	take_attachments(&input, call);
	decode_all(&event);
	decode_as_signal(call->args);
	for (unsigned i = 0; i < call->attach_count; i++)
		free((char *)(uintptr_t)call->attach[i].bytes.data);
	return 0;
}
