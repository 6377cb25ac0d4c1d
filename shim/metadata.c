/* Turns what is known at the start into messages: the process, its main thread's name, its objects.
 * Must not tell of the shim itself. */
#include "metadata.h"

#include "emit.h"
#include "loader.h"
#include "memory.h"

#include <stdbool.h>

/* More than any program has; an end for a list that the program bent into a circle. */
enum { OBJECTS_MAX = 4096, PATH_MAX_BYTES = 4096, NAME_BYTES = 16 };

static void emit_process(const struct hello *hello)
{
	struct ring_process process = { .kind = RING_PROCESS, .pid = hello->pid, .tid = hello->tid };
	emit_or_count(hello->ring, &(struct emit_message){
		.thread = hello->tid, .part = { { &process, sizeof(process) } } });
}

static void emit_thread_name(const struct hello *hello)
{
	struct ring_thread_name name = { .kind = RING_THREAD_NAME };
	memcpy(name.name, hello->name, sizeof(name.name));
	name.len = (uint8_t)memory_string_len(hello->name, NAME_BYTES);
	if (!name.len)
		return;
	emit_or_count(hello->ring, &(struct emit_message){
		.thread = hello->tid, .part = { { &name, sizeof(name) } } });
}

static bool has_slash(const char *name)
{
	while (*name && *name != '/')
		name++;
	return *name;
}

static void emit_object(const struct hello *hello, const struct link_map *object, const char *path)
{
	size_t path_len = memory_string_len(path, PATH_MAX_BYTES), id_len = 0;
	const void *id = loader_build_id(object, &id_len);
	struct ring_library library = {
		.kind = RING_LIBRARY,
		.flags = path_len == PATH_MAX_BYTES ? RING_CUT : 0,
		.build_id_len = (uint8_t)id_len,
		.path_len = (uint32_t)path_len,
	};
	emit_or_count(hello->ring, &(struct emit_message){
		.thread = hello->tid,
		.part = { { &library, sizeof(library) }, { id, id_len }, { path, path_len } } });
}

/* The program comes first and goes without a name: glibc has none, musl takes argv[0]. The vDSO has no
 * file, and is known by a name that is no path. */
void metadata_emit(const void *said)
{
	const struct hello *hello = said;
	emit_process(hello);
	emit_thread_name(hello);
	const struct link_map *object = loader_first();
	if (object)
		emit_object(hello, object, "");
	for (int i = 0; object && i < OBJECTS_MAX; i++, object = loader_next(object))
		if (i > 0 && object->l_name && has_slash(object->l_name) && !loader_is_shim(object))
			emit_object(hello, object, object->l_name);
}
