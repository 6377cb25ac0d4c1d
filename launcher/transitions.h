/* What a stop means: state of the tracee × kind of stop → action, next state, how to resume.
 *
 * One table (transitions.c), no other code decides. An empty cell is counted, named once in the
 * coverage and survived: the tracee is resumed as its state asks. Tracer thread only. */
#ifndef PTWRAP_TRANSITIONS_H
#define PTWRAP_TRANSITIONS_H

#include "stop.h"
#include "tracee.h"

struct job;

/* COMMAND's first task, seized while it waits on its pipe. 0 or -ENOMEM. */
int transitions_begin(pid_t pid);

/* Lets the table decide, acts, resumes. */
void transitions_apply(pid_t tid, struct stop *stop);

/* A helper's work is done, or took too long. */
void transitions_gathered(struct job *job);
void transitions_timed_out(struct job *job);

/* Kills every tracee: the launcher has died. */
void transitions_kill_all(void);

/* Lets every tracee go: level exec has no filter, what outlives COMMAND needs nobody. */
void transitions_release_all(void);

/* The report is closed: nobody reads what processes record of themselves any more. */
void transitions_silence_all(void);

/* Is there a process that has been given the shim and has not loaded it yet? */
bool transitions_await_shim(void);

/* Notes each process that is still there. */
void transitions_note_survivors(void);

/* The kernel says that no task is traced: whoever is still in the table ended without a word. */
void transitions_forget_all(void);

/* For tests and README: does the cell say anything, and what. */
const char *transitions_cell(enum tracee_state state, enum stop_kind kind);

#endif
