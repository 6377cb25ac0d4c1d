/* What ptwrap prints of itself: --help, --version and the manual page, made from options.def and
 * from the table of formats. Decides nothing. */
#include "options.h"

#include "report/report.h"

struct option_text {
	char letter;
	const char *name, *argument, *help, *man;
};

static const struct option_text options[] = {
#define OPTION(letter_, name_, argument_, action_, help_, man_)                                    \
	{ .letter = (letter_),                                                                     \
	  .name = (name_),                                                                         \
	  .argument = (argument_),                                                                 \
	  .help = (help_),                                                                         \
	  .man = (man_) },
#include "options.def"
#undef OPTION
};

enum { OPTION_COUNT = sizeof(options) / sizeof(options[0]), HELP_COLUMN = 30 };

static const char usage[] = "Usage: ptwrap [OPTION]... [--] COMMAND [ARG]...\n"
			    "  or:  ptwrap [OPTION]... --read FILE\n"
			    "  or:  ptwrap --check FILE [--ask QUESTION]...\n"
			    "  or:  ptwrap --doctor\n"
			    "Run COMMAND, audit its whole process tree, and report on exit.\n"
			    "\n";

static void print_option(FILE *out, const struct option_text *option)
{
	int width = option->letter ? fprintf(out, "  -%c, --%s", option->letter, option->name)
				   : fprintf(out, "      --%s", option->name);
	if (option->argument)
		width += fprintf(out, "%s%s", option->argument[1] == '=' ? "" : "=", option->argument);
	if (width >= HELP_COLUMN)
		fprintf(out, "\n%*s", HELP_COLUMN, "");
	else
		fprintf(out, "%*s", HELP_COLUMN - width, "");
	fprintf(out, "%s\n", option->help);
}

static void print_formats(FILE *out)
{
	fputs("\nFORMAT, and the endings of FILE that stand for it:\n  ptw         .ptw\n", out);
	for (size_t i = 0; report_formats[i]; i++) {
		const char *const *suffix = report_formats[i]->suffixes;
		fprintf(out, "  %-11s", report_formats[i]->name);
		for (; suffix && *suffix; suffix++)
			fprintf(out, " %s", *suffix);
		fputc('\n', out);
	}
}

void options_print_help(FILE *out)
{
	fputs(usage, out);
	for (size_t i = 0; i < OPTION_COUNT; i++)
		if (*options[i].help)
			print_option(out, &options[i]);
	print_formats(out);
	fputs("\nExit status: COMMAND's own; where COMMAND died by a signal, ptwrap dies by the "
	      "same.\n"
	      "125: ptwrap itself failed, or a report is not whole; 126: COMMAND cannot be "
	      "executed;\n"
	      "127: COMMAND not found. The manual page is ptwrap(1).\n",
	      out);
}

void options_print_version(FILE *out)
{
	fprintf(out, "ptwrap %s\n", PTWRAP_VERSION);
}

static const char man_head[] =
	".nh\n"
	".SH NAME\n"
	"ptwrap \\- audit what a command and its whole process tree do\n"
	".SH SYNOPSIS\n"
	".B ptwrap\n"
	".RI [ OPTION ]...\\&\n"
	".RB [ \\-\\- ]\n"
	".I COMMAND\n"
	".RI [ ARG ]...\n"
	".br\n"
	".B ptwrap\n"
	".RI [ OPTION ]...\\&\n"
	".B \\-\\-read\n"
	".I FILE\n"
	".br\n"
	".B ptwrap \\-\\-check\n"
	".I FILE\n"
	".RB [ \\-\\-ask\n"
	".IR QUESTION ]...\n"
	".br\n"
	".B ptwrap \\-\\-doctor\n"
	".SH DESCRIPTION\n"
	".B ptwrap\n"
	"runs\n"
	".I COMMAND\n"
	"and records what it and every process that it starts do: which programs run, which files "
	"are\n"
	"read and written, whom they talk to, which privileges and signals they use. Nothing needs "
	"to be\n"
	"rebuilt or configured.\n"
	".I COMMAND\n"
	"keeps its standard input, output and error, its terminal, its signals and its exit "
	"status.\n"
	".PP\n"
	"When the tree has ended, a summary of at most 40 lines goes to standard error, and each\n"
	".B \\-o\n"
	"writes a report. The reports say too what the audit could not see.\n"
	".PP\n"
	"Options stop at the first word that is not an option, so options of\n"
	".I COMMAND\n"
	"need no\n"
	".BR \\-\\- .\n"
	"Long options may be shortened to what no other begins with.\n"
	".SH OPTIONS\n";

static const char man_policy[] =
	".SH POLICY\n"
	"A policy is a file of rules, one a line;\n"
	".B #\n"
	"starts a comment. The last rule that matches decides, so that a file reads from the general to the exception:\n"
	".PP\n"
	".nf\n"
	"default allow\n"
	"deny  net      *\n"
	"allow net      10.0.0.0/16  [2001:db8::]/32  127.0.0.1:8080  unix:/run/*.sock\n"
	"deny  write    /**\n"
	"allow write    $PWD/**  /tmp/**  /dev/null  $HOME/.cache/**\n"
	"deny  read     $HOME/.ssh/**  **/*.pem\n"
	"deny  exec     /usr/bin/curl  /usr/bin/nc\n"
	"deny  syscall  @debug  @mount  io_uring_setup\n"
	"for /usr/bin/npm  allow net  10.1.2.3:443\n"
	".fi\n"
	".PP\n"
	"In a file\n"
	".I ci.policy\n"
	"these rules are checked, asked what they say of a call, tried on a build without forbidding anything, and then kept to:\n"
	".PP\n"
	".nf\n"
	"ptwrap \\-\\-check ci.policy\n"
	"ptwrap \\-\\-check ci.policy \\-\\-ask \\(aqwrite /etc/passwd\\(aq \\-\\-ask \\(aqfor /usr/bin/npm net 10.1.2.3:443\\(aq\n"
	"ptwrap \\-P ci.policy \\-\\-dry\\-run make \\-B\n"
	"ptwrap \\-P ci.policy \\-\\-error\\-exitcode 3 make \\-B\n"
	".fi\n"
	".PP\n"
	"A denied call has no effect and fails, and the program goes on; a line on standard error says so, at most one a second for each rule,\n"
	"and all reports list it under violations. Or the rules are learned from a run, edited, and kept to from then on:\n"
	".PP\n"
	".nf\n"
	"ptwrap \\-\\-learn build.policy make \\-B\n"
	"ptwrap \\-P build.policy make \\-B\n"
	".fi\n"
	".TP\n"
	"\\fIVERDICT SUBJECT PATTERN\\fR...\n"
	"The verdict is\n"
	".BR allow ,\n"
	".B log\n"
	"(allow, and report),\n"
	".BR deny ,\n"
	".BI deny: ERRNO\n"
	"(EPERM unless another is named) or\n"
	".B kill\n"
	"(end the whole tree).\n"
	".TP\n"
	".BR read ,\\  write ,\\  exec\n"
	"Patterns of absolute paths, as they are once all links are resolved.\n"
	".B *\n"
	"stands for any bytes within one component,\n"
	".B **\n"
	"for any bytes; \\fIDIR\\fB/**\\fR is the directory and all beneath it. Where the beginning of a pattern, up to its first "
	"star, leads through links, it\n"
	"holds for the place they lead to as well: \\fB/usr/bin/nc\\fR, not \\fB**/nc\\fR, is also the\n"
	".I /usr/bin/nc.openbsd\n"
	"that it is a link to.\n"
	".B read\n"
	"is to open for reading, to list a directory, to read extended attributes (by path);\n"
	".B write\n"
	"is also to create (a socket, by binding it, too), remove, rename and change modes and owners;\n"
	".B exec\n"
	"takes \\fBsha256:\\fIHEX\\fR for the content of a program, too.\n"
	".TP\n"
	".B net\n"
	"\\fIADDRESS\\fR[\\fB/\\fIBITS\\fR][\\fB:\\fIPORT\\fR] with a v6 address in brackets, \\fB*:\\fIPORT\\fR,\n"
	".B *\n"
	"(every family but unix and netlink), \\fBunix:\\fIPATTERN\\fR, \\fBunix:@\\fIPATTERN\\fR (abstract names), or\n"
	".BR netlink .\n"
	"No host names.\n"
	".TP\n"
	".B syscall\n"
	"A name, a class of\n"
	".BR strace (1)\n"
	"such as\n"
	".BR %file ,\n"
	".B *\n"
	"for every call, or a group:\n"
	"\\fB@clock\\fR, \\fB@debug\\fR, \\fB@io\\-uring\\fR, \\fB@keyring\\fR, \\fB@module\\fR, \\fB@mount\\fR,\n"
	"\\fB@namespace\\fR, \\fB@raw\\-io\\fR, \\fB@reboot\\fR.\n"
	".TP\n"
	"\\fBdefault\\fI VERDICT\\fR [\\fISUBJECT\\fR]\n"
	"What is decided where no rule matches, wherever it stands; without it, allow. Without \\fISUBJECT\\fR, for read, write, "
	"exec and net.\n"
	".TP\n"
	"\\fBfor\\fI PROGRAM RULE\\fR\n"
	"The rule holds for processes that run \\fIPROGRAM\\fR, a pattern of paths, and for all that these start.\n"
	".TP\n"
	"\\fBinclude\\fI FILE\\fR\n"
	"The rules in \\fIFILE\\fR stand here. A relative name is taken from the folder of the file that includes it.\n"
	".PP\n"
	"\\fB$\\fINAME\\fR and \\fB${\\fINAME\\fB}\\fR are variables of ptwrap\\(aqs environment at the start; one that is not set is "
	"an error, but\n"
	".B $TMPDIR\n"
	"is /tmp then. A backslash takes the meaning from the byte behind it; \\fB\\\\x\\fIHH\\fR is the byte with that number.\n"
	".PP\n"
	"\\fB\\-\\-learn\\fI FILE\\fR begins with \\fBdefault deny\\fR and all groups of calls denied, and allows what the run "
	"asked for, a rule a line, each with a comment that names the programs that needed it. A directory stands for its files where several of "
	"them are needed, but never \\fB$HOME/.ssh\\fR, \\fB/etc\\fR or a parent of the working directory; a star stands for names "
	"that the run itself made up and deleted. A secret (see \\fB\\-\\-redact\\fR) stands as the variable of ptwrap's that has it, else "
	"as a star, of which the comment tells. Run it again for what another run needs: lines with \\(lqneeded by\\(rq are made anew, all "
	"others stay, and what they deny is not learned. What processes do that outlive \\fICOMMAND\\fR is not learned without "
	"\\fB\\-\\-wait\\-all\\fR, nor do mounts work under rules on paths.\n"
	".PP\n"
	"Rules on \\fBread\\fR do not hide that a file is there (stat, access, readlink). One on \\fBexec\\fR is about a file, not about copies under other "
	"names, nor what an interpreter reads. \\fBnet\\fR is about whom the tree turns to, not who connects to it; control messages of sendmsg are "
	"not looked at. What a daemon outside does on request, and core dumps, which the kernel writes, are not judged. Where rules are enforced \\fBclone3\\fR "
	"fails with ENOSYS, for its flags lie where another thread could change them; libc uses \\fBclone\\fR then.\n"
	".PP\n"
	"What is malformed, or can never match, is refused with file, line, column and the reason, and nothing is run. "
	"\\fB\\-\\-check\\fR\n"
	"tells beforehand.\n";

static const char man_exit_status[] = ".SH EXIT STATUS\n"
				      ".TP\n"
				      ".I N\n"
				      ".I COMMAND\n"
				      "exited with\n"
				      ".IR N .\n"
				      ".TP\n"
				      "a signal\n"
				      ".I COMMAND\n"
				      "died by that signal, and\n"
				      ".B ptwrap\n"
				      "dies by the same, without a second core file. As process 1 "
				      "of a container it exits with 128 and\n"
				      "the number of the signal instead.\n"
				      ".TP\n"
				      ".B 125\n"
				      ".B ptwrap\n"
				      "itself failed, or a report, or what it was to print, could not be\n"
				      "written whole; a "
				      "line on standard error names the file\n"
				      "and the reason. This outranks\n"
				      ".IR COMMAND 's\n"
				      "own status.\n"
				      ".TP\n"
				      ".B 126\n"
				      ".I COMMAND\n"
				      "was found but cannot be executed.\n"
				      ".TP\n"
				      ".B 127\n"
				      ".I COMMAND\n"
				      "was not found.\n";

static const char man_environment[] = ".SH ENVIRONMENT\n"
				      ".TP\n"
				      ".B NO_COLOR\n"
				      "If set and not empty, the summary has no colour unless\n"
				      ".B \\-\\-color\n"
				      "asks for it.\n"
				      ".TP\n"
				      ".B TMPDIR\n"
				      "Where the recording is kept while\n"
				      ".I COMMAND\n"
				      "runs, if no report goes to a regular file, and where ndjson and\n"
				      "strace reports of more than 24 MiB are sorted;\n"
				      ".I /tmp\n"
				      "if unset.\n";

static const char man_files[] = ".SH FILES\n"
				".TP\n"
				".IB FILE .ptw.part\n"
				"The recording, beside the first report, while\n"
				".I COMMAND\n"
				"runs\n"
				".RI ( run.ptw.part\n"
				"for\n"
				".IR run.ptw ;\n"
				".I ${TMPDIR:\\-/tmp}/ptwrap\\-PID.ptw.part\n"
				"where the first report is no regular file, or there is none). It "
				"is removed when all reports are\n"
				"whole. What is left of a run that was killed can be read with\n"
				".BR \\-\\-read .\n"
				".PP\n"
				"Formats of reports, and the suffixes that stand for them:\n"
				".TP\n"
				".B ptw\n"
				".I .ptw\n"
				"(the recording itself)\n";

static const char man_tail[] =
	".SH EXAMPLES\n"
	".TP\n"
	".B ptwrap \\-o build.json make \\-j8\n"
	"Audit a build and write a JSON report.\n"
	".TP\n"
	".B ptwrap \\-l exec \\-o run.txt ./configure\n"
	"Only the tree of processes, at almost no cost.\n"
	".TP\n"
	".B ptwrap \\-q \\-e trace=%network \\-o net.strace curl http://localhost/\n"
	"The network calls, in the notation of strace.\n"
	".TP\n"
	".B ptwrap \\-\\-read run.ptw \\-o run.ndjson\n"
	"Another report from a recording.\n"
	".SH SEE ALSO\n"
	".BR strace (1),\n"
	".BR perf\\-trace (1),\n"
	".BR ptrace (2),\n"
	".BR seccomp (2)\n";

/* Plain text as man(7) source: a hyphen that is to be typed is \-. */
static void print_man_text(FILE *out, const char *text)
{
	for (; *text; text++) {
		if (*text == '-' || *text == '\\')
			fputc('\\', out);
		fputc(*text == '\\' ? 'e' : *text, out);
	}
}

static void print_man_argument(FILE *out, const struct option_text *option, char separator)
{
	if (!option->argument)
		return;
	fprintf(out, "%s\\fI", option->argument[1] == '=' ? "\\fR" : separator == '=' ? "\\fR=" : "\\fR ");
	print_man_text(out, option->argument);
	fprintf(out, "\\fR");
}

static void print_man_option(FILE *out, const struct option_text *option)
{
	fputs(".TP\n", out);
	if (option->letter) {
		fprintf(out, "\\fB\\-%c", option->letter);
		print_man_argument(out, option, ' ');
		fputs("\\fR, ", out);
	}
	fputs("\\fB\\-\\-", out);
	print_man_text(out, option->name);
	print_man_argument(out, option, '=');
	fprintf(out, "\\fR\n%s\n", option->man);
}

static void print_man_format(FILE *out, const struct report_format *format)
{
	fprintf(out, ".TP\n.B %s\n", format->name);
	for (size_t i = 0; format->suffixes && format->suffixes[i]; i++)
		fprintf(out, ".I %s\n", format->suffixes[i]);
}

void options_print_man(FILE *out)
{
	fprintf(out, ".TH PTWRAP 1 \"\" \"ptwrap %s\" \"User Commands\"\n", PTWRAP_VERSION);
	fputs(man_head, out);
	for (size_t i = 0; i < OPTION_COUNT; i++)
		if (*options[i].help)
			print_man_option(out, &options[i]);
	fputs(man_policy, out);
	fputs(man_exit_status, out);
	fputs(man_environment, out);
	fputs(man_files, out);
	for (size_t i = 0; report_formats[i]; i++)
		print_man_format(out, report_formats[i]);
	fputs(man_tail, out);
}
