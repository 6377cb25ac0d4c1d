/* SHA-256: the vectors of NIST, both code paths against each other, and against sha256sum. */
#include "arch/sha256.h"
#include "sha256.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int failures;

#define CHECK(condition)                                                                           \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);            \
			failures++;                                                                \
		}                                                                                  \
	} while (0)

static void digest_of(const void *data, size_t len, size_t step, char hex[SHA256_HEX])
{
	struct sha256 hash;
	unsigned char digest[SHA256_BYTES];
	sha256_init(&hash);
	for (size_t at = 0; at < len; at += step)
		sha256_update(&hash, (const char *)data + at, len - at < step ? len - at : step);
	sha256_final(&hash, digest);
	sha256_hex(digest, hex);
}

static void test_vectors(void)
{
	static const struct {
		const char *text, *hex;
	} vectors[] = {
		{ "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
		{ "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
		{ "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
		  "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
		{ "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmn"
		  "hijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu",
		  "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1" },
	};
	char hex[SHA256_HEX];
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		digest_of(vectors[i].text, strlen(vectors[i].text), 1000, hex);
		CHECK(strcmp(hex, vectors[i].hex) == 0);
	}
}

static void test_million_a(void)
{
	static const size_t steps[] = { 1, 63, 64, 65, 4096, 1000000 };
	char *data = malloc(1000000);
	char hex[SHA256_HEX];
	if (!data)
		abort();
	memset(data, 'a', 1000000);
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		digest_of(data, 1000000, steps[i], hex);
		CHECK(strcmp(hex, "cdc76e5c9914fb9281a1c7e284d73e67"
				  "f1809a48a497200e046d39ccc7112cd0") == 0);
	}
	free(data);
}

static void test_portable_equals_cpu(void)
{
	unsigned char data[64 * 33 + 1];
	if (!sha256_arch_usable()) {
		fprintf(stderr,
			"test_sha256: this CPU has no SHA instructions: portable path only\n");
		return;
	}
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (unsigned char)(i * 2654435761u >> 13);
	for (size_t blocks = 0; blocks <= 33; blocks++) {
		uint32_t a[8], b[8];
		for (uint32_t i = 0; i < 8; i++)
			a[i] = b[i] = 0x9e3779b9u * (i + 1 + (uint32_t)blocks);
		sha256_portable_blocks(a, data, blocks);
		sha256_arch_blocks(b, data, blocks);
		CHECK(memcmp(a, b, sizeof(a)) == 0);
		sha256_portable_blocks(a, data + (blocks < 33), blocks);
		sha256_arch_blocks(b, data + (blocks < 33), blocks);
		CHECK(memcmp(a, b, sizeof(a)) == 0);
	}
}

static void check_against_sha256sum(const char *path, int fd)
{
	char command[64], expected[SHA256_HEX] = "", hex[SHA256_HEX];
	unsigned char digest[SHA256_BYTES];
	snprintf(command, sizeof(command), "sha256sum < %s", path);
	FILE *sum = popen(command, "r");
	CHECK(sum && fgets(expected, sizeof(expected), sum));
	if (sum)
		pclose(sum);
	CHECK(sha256_of_fd(fd, digest) == 0);
	sha256_hex(digest, hex);
	CHECK(strcmp(hex, expected) == 0);
}

static void test_files(void)
{
	static const size_t lengths[] = { 0,   1,   54,	 55,  56,  57,	  63,	 64,	65,
					  118, 119, 120, 127, 128, 65535, 65536, 65537, 200001 };
	char path[] = "/tmp/ptwrap-sha256-XXXXXX";
	int fd = mkstemp(path);
	size_t written = 0;
	CHECK(fd >= 0);
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		for (; written < lengths[i]; written++) {
			char c = (char)(written * 131 >> 3);
			CHECK(pwrite(fd, &c, 1, (off_t)written) == 1);
		}
		check_against_sha256sum(path, fd);
	}
	close(fd);
	unlink(path);
}

static void test_unreadable_fd(void)
{
	unsigned char digest[SHA256_BYTES];
	CHECK(sha256_of_fd(-1, digest) < 0);
}

int main(void)
{
	test_vectors();
	test_million_a();
	test_portable_equals_cpu();
	test_files();
	test_unreadable_fd();
	return failures != 0;
}
