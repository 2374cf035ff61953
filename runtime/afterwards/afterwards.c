// Waits for the end of a jail, before the Go runtime starts (doc.go).
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "constructor.h"

// Whoever interrupts the jail does not mean this process, which is in the same
// process group.
static const int ignored[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM };

void jail_afterwards(void)
{
	const char *fd = getenv(JAIL_AFTER_ENV);
	struct sigaction before[sizeof(ignored) / sizeof(*ignored)];
	const struct sigaction ignore = { .sa_handler = SIG_IGN };
	char byte;
	ssize_t n;

	if (!fd)
		return;
	for (unsigned i = 0; i < sizeof(ignored) / sizeof(*ignored); i++)
		sigaction(ignored[i], &ignore, &before[i]);

	int socket = atoi(fd);

	do
		n = read(socket, &byte, 1);
	while (n < 0 && errno == EINTR);
	if (n != 1)
		_exit(0);
	for (unsigned i = 0; i < sizeof(ignored) / sizeof(*ignored); i++)
		sigaction(ignored[i], &before[i], NULL);
	// The end of this process is the answer, whatever it starts.
	fcntl(socket, F_SETFD, FD_CLOEXEC);
	unsetenv(JAIL_AFTER_ENV);
}
