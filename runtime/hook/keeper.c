// Enters the user namespace of a container before the Go runtime starts:
// setns(CLONE_NEWUSER) is refused to a process with threads.
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <stdlib.h>

#include "constructor.h"
#include "keeper.h"

int jail_keeper_error;

void jail_keeper(void)
{
	const char *fds = getenv(JAIL_KEEPER_JOINED_ENV);

	// The kernel checks that it is a descriptor of a user namespace.
	if (fds && getenv(JAIL_KEEPER_ENV) && setns(atoi(fds), CLONE_NEWUSER))
		jail_keeper_error = errno;
}
