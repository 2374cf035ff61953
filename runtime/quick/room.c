// Trick "room" (66.4 to 58.6 ms on a slow host; 2026-11-27): makes room in the
// table of descriptors before the Go runtime starts threads. The kernel begins
// with 64 places and doubles them when they are full; where threads share the
// table, each time waits for an RCU grace period (expand_fdtable in fs/file.c): 5
// to 10 ms. For one thread there is no wait.
//
// Relies on: a soft or hard limit of descriptors that leaves room.
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "constructor.h"
#include "quick.h"

// ROOM is enough for the mounts of some thousand store paths, and 32 KiB.
enum { ROOM = 4096 };

// There may be no descriptor, or few: all this is done without then.
void jail_make_room(void)
{
	struct rlimit old, more;

	if (jail_without("room"))
		return;
	if (getrlimit(RLIMIT_NOFILE, &old) || old.rlim_max == 0)
		return;
	more = old;
	more.rlim_cur = old.rlim_max < ROOM ? old.rlim_max : ROOM; // RLIM_INFINITY is the largest
	if (more.rlim_cur > old.rlim_cur && setrlimit(RLIMIT_NOFILE, &more))
		return;

	int dir = open("/", O_PATH | O_CLOEXEC);

	if (dir >= 0) {
		int last = fcntl(dir, F_DUPFD_CLOEXEC, (int)more.rlim_cur - 1);

		if (last >= 0)
			close(last);
		close(dir);
	}
	if (more.rlim_cur > old.rlim_cur)
		setrlimit(RLIMIT_NOFILE, &old);
}
