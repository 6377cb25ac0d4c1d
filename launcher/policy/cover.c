/* Which patterns leave nothing to others: see rules.h. Pure; sound, not complete. */
#include "policy/rules.h"

static bool is_everything(const struct glob *glob)
{
	return glob->literal == 0 && glob_is_tree(glob);
}

bool pattern_covers(const struct pattern *wide, const struct pattern *narrow)
{
	if (wide->kind == PATTERN_PATH && narrow->kind == PATTERN_DIGEST)
		return is_everything(&wide->path.written);
	if (wide->kind != narrow->kind)
		return false;
	switch (wide->kind) {
	case PATTERN_PATH:
		return path_pattern_covers(&wide->path, &narrow->path);
	case PATTERN_DIGEST:
		return memcmp(wide->digest, narrow->digest, sizeof wide->digest) == 0;
	case PATTERN_NET:
		return net_pattern_covers(&wide->net, &narrow->net);
	case PATTERN_CALLS:
		return call_set_covers(&wide->calls, &narrow->calls);
	}
	return false;
}

bool pattern_equal(const struct pattern *a, const struct pattern *b)
{
	return pattern_covers(a, b) && pattern_covers(b, a);
}
