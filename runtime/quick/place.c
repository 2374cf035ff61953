// Trick "place" (22 % of a start; 2026-11-28): keeps what makes a start long on a
// processor of its own: the thread that creates the container, and libcontainer's
// init after it. All other threads of both halves, and there are many, begin on
// other processors. The kernel would often have them wait behind each other, for
// milliseconds, where a processor is idle: on a virtual machine a halted one
// counts as one that the host has taken away (vcpu_is_preempted), and so as busy.
//
// Relies on: two processors. It pays too where another program keeps one of
// them busy, since a thread does not have to wait for long there (slice.c).
// All of it ends before the agent runs, which gets what the caller has, or any
// other program.
#define _GNU_SOURCE
#include <dirent.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "constructor.h"
#include "quick.h"

// callers is what the process was started with; empty if that is not known. mine
// and others are empty where there is nothing to choose from.
static cpu_set_t callers, mine, others;

void jail_note_processors(void)
{
	if (sched_getaffinity(0, sizeof(callers), &callers)) // more than 1,024
		CPU_ZERO(&callers);
}

void jail_place(void)
{
	int here = sched_getcpu();

	if (jail_without("place") || here < 0 || CPU_COUNT(&callers) < 2)
		return;
	others = callers;
	CPU_CLR(here, &others);
	CPU_SET(here, &mine);
}

int jail_give_processors(pid_t pid)
{
	static unsigned char all[8192]; // as many as libcontainer asks for

	if (CPU_COUNT(&callers))
		return sched_setaffinity(pid, sizeof(callers), &callers);
	memset(all, 0xff, sizeof(all));
	return sched_setaffinity(pid, sizeof(all), (cpu_set_t *)all);
}

void jail_send_away(pid_t child)
{
	if (CPU_COUNT(&others))
		sched_setaffinity(child, sizeof(others), &others);
}

// place says where the first thread of this process runs, and all others. A
// thread that one of them starts later runs where that one does.
static void place(const cpu_set_t *first, const cpu_set_t *rest)
{
	struct dirent *task;
	DIR *tasks;

	if (!CPU_COUNT(&others) || !(tasks = opendir("/proc/self/task")))
		return;
	while ((task = readdir(tasks))) {
		pid_t tid = atoi(task->d_name);

		if (tid > 0)
			sched_setaffinity(tid, sizeof(*first), tid == getpid() ? first : rest);
	}
	closedir(tasks);
}

void jail_apart(void)
{
	place(&mine, &others);
}

void jail_together(void)
{
	place(&callers, &callers);
	struct dirent *task;
	DIR *tasks = opendir("/proc/self/task");

	while (tasks && (task = readdir(tasks)))
		if (atoi(task->d_name) > 0)
			jail_give_slice(atoi(task->d_name));
	if (tasks)
		closedir(tasks);
}

// Keeps libcontainer's init on the processor where it begins. libcontainer lets
// it run on all, and so the threads that the Go runtime starts; the first one
// waits for them before it does anything. PID 1, which it becomes, gets the
// caller's processors when it is told to go on.
void jail_stay(int init_pipe)
{
	struct pollfd said = { init_pipe, POLLIN, 0 };
	int cpu;
	cpu_set_t here;

	if (jail_without("place"))
		return;
	// libcontainer sets the processors of this process, and then says what it
	// is to do.
	poll(&said, 1, -1);
	if ((cpu = sched_getcpu()) < 0)
		return;
	CPU_ZERO(&here);
	CPU_SET(cpu, &here);
	sched_setaffinity(0, sizeof(here), &here);
}
