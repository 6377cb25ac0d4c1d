/* Paths of calls, walked to what they mean now (walk.h): that is judged, and that the call is led to (reroute.h). */
#include "judged.h"

#include "call.h"

#include <errno.h>

void judged_gather_paths(const struct place *place, const struct call *call, struct judged *judged)
{
	const struct event_syscall *made = &call->event.syscall;
	const struct pathcall *first;
	unsigned count = call->desc ? pathcall_find(call->desc->name, &first) : 0;
	if (!count || !judged->as) {
		judged->error = -EPERM;
		return;
	}
	judged->own_root = !place->root && !place->other_mounts;
	struct reroute_task task = { .tid = place->tid, .abi = (enum event_abi)made->abi, .as = &judged->as->identity,
				     .own_root = judged->own_root };
	for (; judged->path_count < count; judged->path_count++) {
		const struct pathcall *row = &first[judged->path_count];
		struct bytes known;
		if (!call_find_whole(call, ATTACH_PATH, row->path, &known))
			known = bytes_of(NULL, 0);
		reroute_look(&task, made->args, row, known, &judged->paths[judged->path_count]);
	}
}

void judged_walk_name(const struct place *place, const struct walk_result *walk, struct strbuf *out)
{
	struct bytes name = strbuf_bytes(&walk->path);
	if (!place->root || !name.len || name.data[0] != '/')
		strbuf_add(out, name.data, name.len);
	else
		resolve_outside(place, name, out);
}
