// Trick "slack" (46.8 to 40.3 ms on a slow host; 2026-11-27): lets the timers of
// the Go runtime's monitor be late. Go starts it first of all threads, and until
// the process has been idle for a while it wakes up every 20 microseconds: on a
// virtual machine, where each timer is a trap, a fifth of a processor, in each of
// the three processes of a start.
//
// Relies on: a thread inherits the slack of the one that makes it
// (PR_SET_TIMERSLACK of prctl(2), Linux 2.6.28), so it is set here and taken back
// in Go, on the thread that becomes PID 1 of the jail: the agent has the caller's.
#define _GNU_SOURCE
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "constructor.h"
#include "quick.h"

// LATE is in nanoseconds; the kernel's default is 50,000.
enum { LATE = 1000000 };

static unsigned long callers;

void jail_be_late(void)
{
	if (jail_without("slack"))
		return;
	// glibc's prctl returns an int.
	long now = syscall(SYS_prctl, PR_GET_TIMERSLACK, 0, 0, 0, 0);

	if (now > 0 && now < LATE && !prctl(PR_SET_TIMERSLACK, LATE, 0, 0, 0))
		callers = now;
}

void jail_be_punctual(void)
{
	if (callers)
		prctl(PR_SET_TIMERSLACK, callers, 0, 0, 0);
}
