/* What the shim and the supervisor must agree on besides the ring: how a process says hello.
 *
 * The supervisor brings the shim in at PTRACE_EVENT_EXEC, by LD_PRELOAD on a rebuilt initial
 * stack. Where the fast path is not in use the shim's constructor then makes these
 * calls and no others, in this order (on the fast path its ring is mapped before it runs, by early.c):
 *
 *   1. fd = memfd_create(PTWRAP_RING_NAME, MFD_CLOEXEC | MFD_ALLOW_SEALING, with further
 *      registers: rdx = start of the shim's text, r10 = its length, r8 = PTWRAP_HELLO_MAGIC.
 *      (The kernel ignores registers beyond the call's own arguments.) The supervisor, which sees
 *      this call wherever there is a filter, learns from it which call instructions are the shim's.
 *      Then getpid() and gettid().
 *   2. hello: system call number PTWRAP_HELLO_NUMBER (fd, PTWRAP_HELLO_MAGIC). No kernel
 *      knows the number; every filter of ours traces it. The supervisor takes the memfd out of
 *      /proc/PID/fd, sizes and seals it, writes the ring's header, and answers the size in bytes.
 *      -ENOSYS, or any other error: nobody listens (level exec has no filter), go on to 2b.
 *   2b. rt_tgsigqueueinfo(pid, tid, SIGSTOP, {si_code = SI_QUEUE,
 *      si_value.sival_ptr = PTWRAP_HELLO_MAGIC ^ fd}): the supervisor sees the signal-delivery-stop,
 *      drops the signal and does as in 2; the size is then in the ring's header, which the shim
 *      reads with pread64(fd). No valid header there: silence, kernel view, close(fd).
 *   3. mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0); prctl(PR_GET_NAME). Then
 *      it fills the ring (ptwrap/ring.h).
 *   4. close(fd), with rdx = PTWRAP_HELLO_MAGIC: the shim's last call; from here on its call
 *      instructions are nobody's special ones.
 *
 * Every one of them may fail: the shim then closes what it holds, with 4, and is silent.
 * It never prints, allocates, blocks, or changes errno.
 *
 * The shim's entry in LD_PRELOAD, which it takes out again first of all, stands in one of two forms
 * that nobody else makes; a shim that finds neither was not brought in by us, and makes no call
 * (the signal of 2b would really stop such a process).
 *
 *   - No LD_PRELOAD before: *two* equal pointers to "LD_PRELOAD=FILE" are the last of envp. Without
 *     them envp ends 16 bytes earlier; the shim turns the gap into the pair {AT_IGNORE, 0}, so that
 *     who walks on from envp's NULL still finds the auxiliary vector.
 *   - "LD_PRELOAD=OLD" before: its pointer leads to "LD_PRELOAD=OLD" PTWRAP_SHIM_SEPARATOR "FILE",
 *     which the shim cuts back to OLD. (Loaders skip the empty name between the colons.)
 *
 * FILE ends in PTWRAP_SHIM_FILE and holds neither colon, space nor dollar sign. */
#ifndef PTWRAP_ABI_H
#define PTWRAP_ABI_H

#define PTWRAP_RING_NAME "ptwrap-ring"
#define PTWRAP_SHIM_FILE "/shim.so"
#define PTWRAP_SHIM_SEPARATOR "::"
#define PTWRAP_HELLO_NUMBER 0x30747701 /* above every call's number; x32's bit 30 is clear */
#define PTWRAP_HELLO_MAGIC 0x7074777261703031ULL /* "ptwrap01" */

/* How a ptwrap that is run under another finds that out (launcher/nested.c): by the supervisor's name, or by a call
 * (rdi: PTWRAP_HELLO_MAGIC) that no kernel knows. */
#define PTWRAP_SUPERVISOR_NAME "ptwrap"
#define PTWRAP_AUDITED_NUMBER 0x30747705
#define PTWRAP_AUDITED_ANSWER 0x7074

#endif
