// Keeps libcontainer's init on the processor where it begins. libcontainer lets
// it run on all, and so the threads that the Go runtime starts; the first one
// waits for them before it does anything, behind what else a start does on
// other processors (runtime/supervisor/place.c). PID 1, which it becomes, gets
// the caller's processors when it is told to go on.
//
// It has to run when the C code of libcontainer has entered the namespaces and
// before the Go runtime begins. It does because the linker takes it after that
// code: the package is imported after it. Otherwise a start would be slower.
#define _GNU_SOURCE
#include <sched.h>
#include <stdlib.h>

static void __attribute__((constructor)) stay(void)
{
	int cpu = sched_getcpu();
	cpu_set_t here;

	if (cpu < 0 || !getenv("_LIBCONTAINER_INITPIPE"))
		return;
	CPU_ZERO(&here);
	CPU_SET(cpu, &here);
	sched_setaffinity(0, sizeof(here), &here);
}
