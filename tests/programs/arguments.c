/* arguments [ARG]...: prints its argv, one string a line, argv[0] too. */
#include <stdio.h>

int main(int argc, char **argv)
{
	for (int i = 0; i < argc; i++)
		puts(argv[i]);
	return 0;
}
