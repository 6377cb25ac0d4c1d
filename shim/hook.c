/* A redirected call in C: what is done before and after it.
 *
 * Runs in place of a bare syscall instruction, anywhere: on small stacks, in signal handlers, in what
 * vfork made, before and after main. So: little stack, no locks, no state but the frame, the ring and
 * the private page, and no program's pointer is read before the call but execve's, and
 * while the loader awaits the shim an open's.
 *
 * The record is written after the call has returned. Until then the thread's slot among the ring's
 * flights tells the supervisor of it, for calls that never return. A signal that is delivered while
 * the record is being written waits until it is (by address and stage the supervisor sees that), so no
 * handler can leave it half-written by longjmp. */
#include "emit.h"
#include "exec.h"
#include "fast.h"
#include "frame.h"
#include "identity.h"
#include "loading.h"
#include "made.h"
#include "memory.h"
#include "probe.h"

#include <errno.h>
#include <sys/syscall.h>

enum { PATH_BYTES = 4096, DRAINS_MAX = 64 };

/* ---- which calls ---- */

static bool test_holds(const volatile struct fastpath_test *test, const uint64_t args[6])
{
	uint64_t value = args[test->arg % 6];
	bool equal = ((uint32_t)(test->high ? value >> 32 : value) & test->mask) == test->value;
	return equal != (bool)test->differs;
}

static bool rule_holds(const volatile struct fastpath_rule *rule, const struct frame *frame)
{
	for (uint32_t i = 0; i < rule->test_count && i < FASTPATH_TESTS; i++)
		if (!test_holds(&rule->test[i], frame->args))
			return false;
	return true;
}

static enum fastpath_mode mode_of(const struct frame *frame)
{
	uint8_t mode = fast_private()->modes[frame->number];
	if (mode != FASTPATH_BY_RULE)
		return mode;
	for (uint32_t i = 0; i < fast_tables.rule_count && i < FASTPATH_RULES; i++)
		if (fast_tables.rules[i].number == frame->number && rule_holds(&fast_tables.rules[i], frame))
			return fast_tables.rules[i].mode;
	return FASTPATH_PLAIN;
}

/* ---- the call under way ---- */

static struct ring_flight *flight_of(const struct frame *frame)
{
	return &fast_ring()->flight[ring_flight_slot(frame->thread)];
}

/* The compiler must keep to the order of these stores; so does the processor, and the reader is the
 * supervisor, when the thread has stopped. */
static void take_off(struct frame *frame)
{
	struct ring_flight *flight = flight_of(frame);
	uint32_t holder = ring_load_relaxed(&flight->thread);
	if (holder != frame->thread && (ring_load_relaxed(&flight->state) != RING_FLIGHT_NONE ||
					!ring_claim(&flight->thread, &holder, frame->thread)))
		return;
	frame->in_flight = true;
	frame->nested = flight->state != RING_FLIGHT_NONE;
	if (frame->nested) {
		frame->outer.state = flight->state;
		frame->outer.number = flight->number;
		frame->outer.t_ticks = flight->t_ticks;
		memcpy(frame->outer.args, flight->args, sizeof(flight->args));
	}
	flight->number = (uint32_t)frame->number;
	flight->t_ticks = frame->t_ticks;
	memcpy(flight->args, frame->args, sizeof(flight->args));
	ring_store_release(&flight->state, RING_FLIGHT_INSIDE);
}

/* The slot stays the thread's, until another one wants it. */
static void land(const struct frame *frame)
{
	struct ring_flight *flight = flight_of(frame);
	if (!frame->in_flight)
		return;
	if (!frame->nested) {
		ring_store_release(&flight->state, RING_FLIGHT_NONE);
		return;
	}
	flight->number = frame->outer.number;
	flight->t_ticks = frame->outer.t_ticks;
	memcpy(flight->args, frame->outer.args, sizeof(flight->args));
	ring_store_release(&flight->state, frame->outer.state);
}

/* False: the supervisor has told of it already, when the signal came that made it return. Of a call that was made
 * again after that only the rest is to be told. */
static bool is_to_be_told(struct frame *frame)
{
	struct ring_flight *flight = flight_of(frame);
	if (!frame->in_flight)
		return true;
	uint32_t state = ring_load_relaxed(&flight->state);
	bool told = state == RING_FLIGHT_TOLD_WHOLE || (state == RING_FLIGHT_TOLD && frame->result == -EINTR);
	if (state == RING_FLIGHT_TOLD)
		frame->t_ticks = flight->t_ticks;
	ring_store_release(&flight->state, RING_FLIGHT_RECORDING);
	return !told;
}

/* ---- its record ---- */

/* A lane that is half full is worth a word to the supervisor; a full ring waits for it. */
static void emit_surely(const struct emit_message *message)
{
	struct ring *ring = fast_ring();
	bool half = false;
	for (int i = 0; i < DRAINS_MAX; i++) {
		if (emit_telling(ring, message, &half)) {
			if (half)
				exempt_call(FASTPATH_DRAIN_NUMBER, 0, 0, 0, 0, 0, 0);
			return;
		}
		if (exempt_call(FASTPATH_DRAIN_NUMBER, 1, 0, 0, 0, 0, 0) < 0)
			break;
	}
	emit_or_count(ring, message);
}

static void emit_call(const struct frame *frame, const void *data, size_t data_len, uint8_t data_arg, uint8_t flags)
{
	uint8_t count = fast_tables.arg_count[frame->number];
	struct ring_syscall call = {
		.kind = RING_SYSCALL,
		.flags = flags | (frame->otherwise ? RING_OTHERWISE : 0),
		.number = (uint16_t)frame->number,
		.arg_count = count,
		.data_arg = data_arg,
		.data_len = (uint16_t)data_len,
		.t_ticks = frame->t_ticks,
		.dur_ticks = fast_ticks() - frame->t_ticks,
		.ret = frame->result,
		.args = { frame->args[0], frame->args[1], frame->args[2] },
	};
	emit_surely(&(struct emit_message){
		.thread = frame->thread,
		.part = { { &call, sizeof(call) },
			  { &frame->args[3], count > 3 ? (count - 3U) * sizeof(uint64_t) : 0 },
			  { data, data_len } } });
}

/* Has the kernel read the path? It may have refused the call before it came to that. */
static bool was_followed(int64_t result)
{
	return result >= 0 || result == -ENOENT || result == -ENOTDIR || result == -EACCES || result == -ELOOP ||
	       result == -ENAMETOOLONG;
}

static bool find_path(const struct frame *frame, const char *path, size_t *len)
{
	if (!path)
		return false;
	if (!was_followed(frame->result))
		return probe_string(path, PATH_BYTES, len);
	*len = memory_string_len(path, PATH_BYTES);
	return true;
}

static void emit_with_path(const struct frame *frame, uint8_t arg)
{
	const char *path = (const char *)(uintptr_t)frame->args[arg];
	size_t len = 0;
	bool found = find_path(frame, path, &len), cut = found && len == PATH_BYTES;
	emit_call(frame, path, !found ? 0 : cut ? len - 1 : len, found ? arg : RING_DATA_NONE, cut ? RING_CUT : 0);
}

/* Apart, so that other calls need no stack for it. */
static __attribute__((noinline)) void emit_with_made(const struct frame *frame)
{
	struct made made;
	bool any = made_by(frame, &made);
	emit_call(frame, made.bytes, any ? made.len : 0, any ? RING_DATA_RETURN : RING_DATA_NONE,
		  any && made.is_cut ? RING_CUT : 0);
}

static void record(const struct frame *frame)
{
	uint8_t arg = fast_tables.path_arg[frame->number];
	if (arg < 6)
		emit_with_path(frame, arg);
	else if (made_is_by(frame->number))
		emit_with_made(frame);
	else
		emit_call(frame, NULL, 0, RING_DATA_NONE, 0);
}

int hook_before(struct frame *frame)
{
	frame->hidden = frame->otherwise = frame->in_flight = frame->nested = false;
	enum fastpath_mode mode = mode_of(frame);
	if (mode != FASTPATH_RECORD && mode != FASTPATH_TRACK)
		return HOOK_PLAIN;
	frame->hidden = fast_private()->is_silent;
	if (frame->hidden)
		return HOOK_EXEMPT;
	if (loading_is_shims(frame)) {
		frame->hidden = true;
		return loading_make(frame) ? HOOK_DONE : HOOK_EXEMPT;
	}
	frame->thread = identity_of_thread();
	frame->t_ticks = fast_ticks();
	take_off(frame);
	frame->otherwise = loading_replace(frame);
	if (frame->otherwise)
		return HOOK_DONE;
	if (!frame->in_flight && mode == FASTPATH_RECORD)
		return HOOK_PLAIN;
	if (frame->number == SYS_execve || frame->number == SYS_execveat)
		exec_announce(frame, emit_surely);
	return HOOK_EXEMPT;
}

/* Its announcement is all that execve's pointers are read for. */
int hook_before_fault(struct frame *frame)
{
	return frame->in_flight ? HOOK_EXEMPT : HOOK_PLAIN;
}

void hook_after(struct frame *frame)
{
	if (frame->hidden) {
		loading_made(frame);
		return;
	}
	if (is_to_be_told(frame))
		record(frame);
	loading_made(frame);
	land(frame);
}

/* Without the bytes that its pointer leads to; and if there is no room in memory for the record at all,
 * not at all. */
void hook_after_fault(struct frame *frame)
{
	bool again = frame->stage == FRAME_AGAIN;
	frame->stage = FRAME_AGAIN;
	if (!again && !frame->hidden) {
		emit_call(frame, NULL, 0, RING_DATA_NONE, 0);
		land(frame);
	}
}
