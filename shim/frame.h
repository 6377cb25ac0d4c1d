/* What shim/entry.S leaves on the stack of a redirected call, for hook.c. The offsets are entry.S's. */
#ifndef PTWRAP_SHIM_FRAME_H
#define PTWRAP_SHIM_FRAME_H

#include "ptwrap/fastpath.h"

#define FRAME_NUMBER 48
#define FRAME_RESUME 56
#define FRAME_TAIL 64
#define FRAME_RESULT 72
#define FRAME_RBP 80
#define FRAME_STAGE FASTPATH_FRAME_STAGE
#define FRAME_PUT_OFF FASTPATH_FRAME_PUT_OFF
/* What C code keeps for its caller, for when a fault leads out of the midst of it. */
#define FRAME_RBX 104
#define FRAME_R12 112
#define FRAME_R13 120
#define FRAME_R14 128
#define FRAME_R15 136
#define FRAME_BYTES 240
/* How far the C code has come: also tells the supervisor that a frame is one. */
#define FRAME_BEFORE FASTPATH_STAGE_FIRST
#define FRAME_AFTER (FASTPATH_STAGE_FIRST + 1)
#define FRAME_AGAIN FASTPATH_STAGE_LAST /* after a first fault */
#define FRAME_GUARDED FASTPATH_STAGE_GUARDED
/* Below the stack pointer lie up to 128 bytes that belong to the caller (System V ABI, AMD64, 3.2.2). */
#define FRAME_RED_ZONE 128

#ifndef __ASSEMBLER__
#include "ptwrap/ring.h"

#include <stdbool.h>
#include <stddef.h>

struct frame {
	uint64_t args[6];
	uint64_t number;
	uint64_t resume; /* where the library goes on */
	uint64_t tail;   /* of the trampoline, which leads there */
	int64_t result;
	uint64_t rbp;    /* the caller's */
	uint64_t stage;
	uint32_t thread;
	uint32_t put_off; /* by the supervisor: a signal is to be given when the record is written */
	uint64_t rbx, r12, r13, r14, r15;
	uint64_t t_ticks;
	bool hidden;     /* the loader's doing with the shim: not recorded */
	bool otherwise;  /* made in another way, by loading.c */
	bool in_flight;  /* the thread's slot in the ring tells of this call */
	bool nested;     /* a handler's call during another, which `outer` is */
	struct {
		uint32_t state, number;
		uint64_t t_ticks, args[6];
	} outer;
};

_Static_assert(offsetof(struct frame, number) == FRAME_NUMBER, "entry.S");
_Static_assert(offsetof(struct frame, resume) == FRAME_RESUME, "entry.S");
_Static_assert(offsetof(struct frame, tail) == FRAME_TAIL, "entry.S");
_Static_assert(offsetof(struct frame, result) == FRAME_RESULT, "entry.S");
_Static_assert(offsetof(struct frame, rbp) == FRAME_RBP, "entry.S");
_Static_assert(offsetof(struct frame, stage) == FRAME_STAGE, "entry.S");
_Static_assert(offsetof(struct frame, put_off) == FRAME_PUT_OFF, "entry.S");
_Static_assert(offsetof(struct frame, thread) == FASTPATH_FRAME_THREAD, "act_redirected.c");
_Static_assert(offsetof(struct frame, rbx) == FRAME_RBX && offsetof(struct frame, r15) == FRAME_R15, "entry.S");
_Static_assert(sizeof(struct frame) <= FRAME_BYTES && FRAME_BYTES % 16 == 0, "entry.S");

/* What is to be done after hook_before. */
enum { HOOK_PLAIN, HOOK_EXEMPT, HOOK_DONE };

/* Before the call. HOOK_PLAIN: make it where the filter judges it, no more is to be done.
 * HOOK_EXEMPT: make it at the exempt instruction, then hook_after. HOOK_DONE: it is made already, its
 * result stands in the frame; then hook_after. */
int hook_before(struct frame *frame);

/* After the call: its record. */
void hook_after(struct frame *frame);

/* The same, once they have met a fault: what can be done without what may have caused it. */
int hook_before_fault(struct frame *frame);
void hook_after_fault(struct frame *frame);

#endif
#endif
