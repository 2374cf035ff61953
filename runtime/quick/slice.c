// Trick "slice": asks the kernel for short time slices. A start is a chain of some hundred short steps in several
// threads. Where another program keeps a processor busy, a thread that wakes up
// there would wait until that program has used up its slice of some milliseconds;
// one that wants less goes first, and gets no more in the end (EEVDF: Linux's
// Documentation/scheduler/sched-eevdf.rst).
//
// Relies on: Linux 6.12, where sched_setattr(2) takes a slice as sched_runtime.
// Before, nothing changes.
// It ends before the agent runs, which has the caller's. The half that plans keeps
// it to its end, and so does a program that it starts, as git: that gets no less
// time, but in smaller pieces.
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "constructor.h"
#include "quick.h"

// SHORT is the least that the kernel takes, in nanoseconds.
enum { SHORT = 100000 };

// struct sched_attr, its first version.
struct attr {
	unsigned size, policy;
	unsigned long long flags;
	int nice;
	unsigned priority;
	unsigned long long runtime, deadline, period;
};

static unsigned long long callers; // 0: nothing was changed

static int get(pid_t tid, struct attr *a)
{
	memset(a, 0, sizeof(*a));
	return syscall(SYS_sched_getattr, tid, a, sizeof(*a), 0);
}

static int set(pid_t tid, struct attr *a, unsigned long long slice)
{
	a->size = sizeof(*a);
	a->runtime = slice;
	return syscall(SYS_sched_setattr, tid, a, 0);
}

void jail_be_short(void)
{
	struct attr a;

	// SCHED_OTHER is 0. Kernels that know of no slice say none.
	if (jail_without("slice") || get(0, &a) || a.policy != 0 || a.runtime <= SHORT)
		return;
	unsigned long long was = a.runtime;

	if (!set(0, &a, SHORT))
		callers = was;
}

int jail_give_slice(pid_t tid)
{
	struct attr a;

	if (!callers)
		return 0;
	if (get(tid, &a) || set(tid, &a, 0)) // none of its own
		return -1;
	return !get(tid, &a) && a.runtime == callers ? 0 : set(tid, &a, callers);
}
