/* The judge: asks the policy about each call that it concerns, before the call runs (design.md section 4).
 *
 *   entry    judge_take attaches to the call what is to be gathered (judged.h); whoever may block gathers it
 *   decision judge_decide, in the tracer, at the filter's stop: go on, made with the copies that were judged
 *            (rewrite.h); or answered with -errno; or the tree is killed
 *   exit     judge_left: registers as the program had them; what could be raced is looked at again
 *   exec     judge_image: the program that runs now, before its first instruction: denial is death
 *
 * Whatever cannot be gathered, in time or for want of memory, is refused. What each decision was other than allow is
 * recorded (EVENT_VIOLATION). Tracer thread only. */
#ifndef PTWRAP_JUDGE_H
#define PTWRAP_JUDGE_H

#include "filter.h"
#include "image.h"
#include "tracee.h"

/* policy NULL: nothing is judged. dry_run: violations are recorded, and everything goes on. */
void judge_init(const struct policy *policy, bool dry_run);
bool judge_is_on(void);

/* There is no memory that a program cannot change: what was judged is not held (--best-effort). */
void judge_trust_memory(void);

/* Are new images to map pinned memory by themselves? Not where reading is judged: to open it would be. */
bool judge_pins_early(void);

/* At its entry: does the policy look at the call of that task? Then call->judged is set, or, without memory, call->judged stays
 * NULL, and judge_decide will refuse. */
bool judge_take(struct tracee *tracee, struct call *call);

/* Before it is gathered, at the filter's stop: a call that leads to files will be made with copies, and where the task lacks what
 * that takes (rewrite.h), looking at its paths now would be in vain. True: the task is made to get it, resumed, and makes
 * its call again; the call is released. */
bool judge_makes_ready(struct tracee *tracee);

enum judgement {
	JUDGE_GO_ON,
	JUDGE_REFUSED, /* it was answered, or the task is dying */
	JUDGE_LATER,   /* the task is made to do something else first, and makes its call again then (rewrite.h) */
};

/* Will gathering for it (the call; a new image, else NULL) take long: are there files to be read whole? */
bool judge_is_slow(const struct call *call, const struct image *image);

/* Gathered. */
enum judgement judge_decide(struct tracee *tracee);

/* Nothing is known of the call at whose entry the task stands, for want of memory: true, it was refused. */
bool judge_refuse_unknown(pid_t tid);

/* The call is over, its result in the call: before it is recorded. */
void judge_left(struct tracee *tracee);

/* Is its exit needed? */
bool judge_awaits(const struct tracee *tracee);

/* A process came into the tree without a word of who made it: the domain that it should have is not known. */
void judge_adopted(const struct tracee *tracee);

/* For image_read's job: what the new image is judged by; NULL: nothing. And the verdict: false, it is dying. Also what
 * its domain is from now on. */
struct judged *judge_take_image(const struct tracee *tracee);
bool judge_image(struct tracee *tracee, struct image *image);

#endif
