// What happens before the Go runtime of a process starts, in order. The kernel
// refuses a new user namespace to a process with threads, and a Go runtime has
// threads as soon as it runs, so all of it is C.
//
// Steps are functions of other packages. They are weak here: a program that does
// not link a package goes without its step. Linking this package, or one of
// those, changes nothing in a process that no variable and no argument names.
#define _GNU_SOURCE
#include <stdlib.h>
#include <unistd.h>

#include "constructor.h"

#pragma weak jail_pid1
#pragma weak jail_git
#pragma weak jail_janitor
#pragma weak jail_keeper
#pragma weak jail_afterwards
#pragma weak jail_enter
#pragma weak jail_starts_a_jail
#pragma weak jail_enough
#pragma weak jail_note_processors
#pragma weak jail_split
#pragma weak jail_place
#pragma weak jail_be_short
#pragma weak jail_stay
#pragma weak jail_be_late
#pragma weak jail_make_room
#pragma weak jail_begin_network

// arguments finds those of main: glibc hands them to constructors, musl does not.
// For both the kernel has laid them right before the environment ("Process
// Initialization" in the System V ABI of each processor): their number, the
// arguments, and a null pointer.
static char **arguments(int *argc)
{
	char **end = environ - 1;
	long n = 0;

	while ((long)end[-1 - n] != n)
		n++;
	*argc = n;
	return end - n;
}

// The first of all constructors: libcontainer's own (nsenter), which takes its
// init into the namespaces of a container, has no priority and comes later.
static void __attribute__((constructor(101))) before_go(void)
{
	int argc;
	char **argv = arguments(&argc);
	const char *init = getenv(JAIL_INIT_ENV);
	int supervisor = getenv(JAIL_STAGE_ENV) != NULL;

	// 1. PID 1 of a jail, which never gets as far as Go.
	if (jail_pid1)
		jail_pid1(argc, argv);
	// Nor does git of a jail, which most commands pass through.
	if (jail_git)
		jail_git(argc, argv);
	// 2. Nor does what removes a jail's cgroups.
	if (jail_janitor)
		jail_janitor(argc, argv);
	// 3. The keeper of an exported bundle's network.
	if (jail_keeper)
		jail_keeper();
	// 4. What waits for the end of a jail.
	if (jail_afterwards)
		jail_afterwards();

	int starts = !init && !supervisor && jail_starts_a_jail && jail_starts_a_jail(argc, argv);

	if (!starts && !supervisor && !init)
		return;
	if (!init && jail_note_processors)
		jail_note_processors();
	if (starts && jail_enough)
		jail_enough();
	// 5. A command that starts a jail becomes two processes: one plans the
	// jail, and the other is its supervisor already.
	if (starts && !(jail_split && jail_split()))
		return;
	// 6. A supervisor that was executed as one enters its namespaces.
	if (supervisor && jail_enter)
		jail_enter();
	// 7. What is there for the clock alone.
	if (supervisor && jail_place)
		jail_place();
	if (supervisor && jail_be_short)
		jail_be_short();
	if (init && jail_stay)
		jail_stay(atoi(init));
	if (jail_be_late)
		jail_be_late();
	if (jail_make_room)
		jail_make_room();
	// The first thread.
	if (starts && jail_begin_network)
		jail_begin_network();
}
