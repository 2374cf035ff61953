// Stops the process group as a terminal does. Go cannot: once it has notified
// about SIGTSTP its handler stays installed, also after signal.Reset, and the
// signal is lost in it.
#define _GNU_SOURCE
#include <signal.h>
#include <stddef.h>
#include <time.h>

#include "stop.h"

void jail_stop_job(void)
{
	struct sigaction dfl = { .sa_handler = SIG_DFL }, old;
	struct timespec moment = { 0, 20 * 1000 * 1000 };

	sigaction(SIGTSTP, &dfl, &old);
	// An orphaned process group cannot be stopped (setpgid(2)): then nothing
	// happens, and the caller goes on.
	kill(0, SIGTSTP);
	// Another thread may be the one that takes the signal.
	nanosleep(&moment, NULL);
	sigaction(SIGTSTP, &old, NULL);
}
