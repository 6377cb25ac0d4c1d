/* Any bytes whatever taken for an ld.so or a libc: no crash, no over-read, no endless loop, and nothing written
 * outside the sites. */
#include "elflookup.h"
#include "patch.h"

#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect_sites_alone_changed(const uint8_t *data, size_t size, const struct patch_result *result)
{
	size_t i = 0;
	for (uint64_t at = 0; at < result->len; at++) {
		uint64_t address = result->vaddr + at;
		while (i < result->found && result->site[i].end <= address)
			i++;
		bool is_site = i < result->found && result->site[i].start <= address;
		uint8_t original = result->offset + at < size ? data[result->offset + at] : 0;
		if (!is_site && result->text[at] != original)
			abort();
	}
}

static void look_up(const uint8_t *data, size_t size)
{
	int fd = memfd_create("fuzz_patch", MFD_CLOEXEC);
	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	elflookup_defines(fd, "__libc_start_main");
	close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct patch_layout layout = { .trampoline_address = 0x20000000, .trampoline_room = 4096,
		.hook_address = 0x10000000, .modes_address = 0x10001000, .modes_count = 512,
		.base_slot_address = 0x10002000, .identity_address = 0x10003000, .no_cache_address = 0x10002008 };
	struct patch_result result;
	if (patch_text(data, size, &layout, &result) == 0)
		expect_sites_alone_changed(data, size, &result);
	patch_free(&result);
	look_up(data, size);
	return 0;
}
