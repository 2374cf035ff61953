// The arguments of main, for constructors: glibc hands them to these, musl does
// not. For both the kernel has laid them right before the environment ("Process
// Initialization" in the System V ABI of each processor): their number, the
// arguments, and a null pointer.
#ifndef JAIL_ARGV_H
#define JAIL_ARGV_H

#include <unistd.h> // environ, with _GNU_SOURCE

static inline char **jail_argv(int *argc)
{
	char **end = environ - 1;
	long n = 0;

	while ((long)end[-1 - n] != n)
		n++;
	*argc = n;
	return end - n;
}

#endif
