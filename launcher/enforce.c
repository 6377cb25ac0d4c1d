/* Policy and machine: see enforce.h. */
#include "enforce.h"

#include "policy/callpattern.h"

#include <errno.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { X32_BIT = 0x40000000, X32_RT_SIGRETURN = 513, I386_RESTART_SYSCALL = 0, I386_SIGRETURN = 119, I386_RT_SIGRETURN = 173 };

bool enforce_has_memory(void)
{
	enum { SYS_MSEAL = 462 };
	return syscall(SYS_MSEAL, 1UL, 0UL, 0UL) == 0 || errno == EINVAL;
}

uint8_t enforce_subjects(const struct policy *policy, bool learns)
{
	uint8_t subjects = 1 << FILTER_GUARD;
	for (int subject = 0; subject < POLICY_SUBJECTS; subject++)
		if (learns || policy_concerns(policy, (enum policy_subject)subject))
			subjects |= (uint8_t)(1U << subject);
	if (learns || policy_concerns(policy, POLICY_WRITE) || enforce_names_unix(policy))
		subjects |= 1 << FILTER_NAMES;
	if (geteuid() == 0)
		subjects |= 1 << FILTER_OURS;
	return subjects;
}

bool enforce_names_unix(const struct policy *policy)
{
	for (uint32_t rule = 0; rule < policy_rule_count(policy); rule++) {
		struct bytes text = policy_rule_text(policy, rule);
		if (memmem(text.data, text.len, "unix:", 5))
			return true;
	}
	return false;
}

bool enforce_judges_number(enum event_abi abi, uint32_t number)
{
	switch (abi) {
	case ABI_X86_64:
		return number != SYS_rt_sigreturn && number != SYS_restart_syscall;
	case ABI_X32:
		return (number & ~(uint32_t)X32_BIT) != X32_RT_SIGRETURN &&
		       (number & ~(uint32_t)X32_BIT) != SYS_restart_syscall;
	default:
		return number != I386_RESTART_SYSCALL && number != I386_SIGRETURN && number != I386_RT_SIGRETURN;
	}
}

bool enforce_concerns_number(const struct policy *policy, bool learns, enum event_abi abi, uint32_t number)
{
	const struct syscall_desc *desc = learns ? syscall_lookup(abi, number) : NULL;
	return policy_concerns_syscall(policy, abi, number) || (desc && call_is_grouped(bytes_of_string(desc->name)));
}

void enforce_select(const struct policy *policy, bool learns, struct selection *selection)
{
	selection->judged_subjects = enforce_subjects(policy, learns);
	for (uint32_t number = 0; number < 8 * sizeof selection->judged; number++)
		if (enforce_judges_number(ABI_X86_64, number) && enforce_concerns_number(policy, learns, ABI_X86_64, number))
			selection->judged[number / 8] |= (uint8_t)(1U << number % 8);
}

bool enforce_points(const struct policy *policy, char *subjects, size_t size)
{
	static const enum policy_subject pointed[] = { POLICY_READ, POLICY_WRITE, POLICY_NET };
	static const char *const between[] = { "", " and ", ", " };
	const char *words[sizeof pointed / sizeof *pointed] = { NULL };
	size_t count = 0, len = 0;
	for (size_t i = 0; i < sizeof pointed / sizeof *pointed; i++)
		if (policy_concerns(policy, pointed[i]))
			words[count++] = policy_subject_words[pointed[i]];
	for (size_t i = 0; i < count && len < size; i++)
		len += (size_t)snprintf(subjects + len, size - len, "%s%s", words[i], between[count - i - 1]);
	return count > 0;
}

bool enforce_lacks(const struct policy *policy, char *why, size_t size)
{
	char subjects[64];
	if (enforce_has_memory() || !enforce_points(policy, subjects, sizeof subjects))
		return false;
	snprintf(why, size, "rules on %s need Linux 6.10 (mseal), or another thread could exchange what was judged", subjects);
	return true;
}
