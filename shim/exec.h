/* Announcing an execve, whose strings are gone once it has succeeded. */
#ifndef PTWRAP_SHIM_EXEC_H
#define PTWRAP_SHIM_EXEC_H

#include "emit.h"
#include "frame.h"

void exec_announce(const struct frame *frame, void (*emit_surely)(const struct emit_message *message));

#endif
