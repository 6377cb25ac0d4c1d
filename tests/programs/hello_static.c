/* hello_static [ARG]...: a statically linked program; prints how many arguments it was given. */
#include <stdio.h>

int main(int argc, char **argv)
{
	(void)argv;
	printf("%d\n", argc - 1);
	return 0;
}
