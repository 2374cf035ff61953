// Trick "network" (10 % of a start at 37 paths; 2026-11-30): makes the network
// namespace of the jail while the Go runtime starts. The kernel takes most of a
// millisecond for it, in which the container that is to join it cannot begin. A
// thread of its own does it: this process stays in the host's network, to which no
// thread could go back without root.
//
// Relies on: nothing; a jail that needs none gives it up.
// Without it: the supervisor makes one as soon as it has a Go runtime.
#define _GNU_SOURCE
#include <fcntl.h>
#include <net/if.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "constructor.h"
#include "quick.h"
#include "userns.h"

static struct {
	int begun, fd;
	pthread_t thread;
} made;

// make leaves a descriptor of the namespace, with its loopback device up, or -1.
static void *make(void *nothing)
{
	struct ifreq lo = { .ifr_flags = IFF_UP };
	int s, up;

	made.fd = -1;
	if (unshare(CLONE_NEWNET))
		return NULL;
	strcpy(lo.ifr_name, "lo");
	s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	up = s >= 0 && !ioctl(s, SIOCSIFFLAGS, &lo);
	if (s >= 0)
		close(s);
	if (up)
		made.fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	return NULL;
}

// After all that wants a process of one thread.
void jail_begin_network(void)
{
	if (jail_halves.done && jail_userns.entered && !jail_without("network"))
		made.begun = !pthread_create(&made.thread, NULL, make, NULL);
}

int jail_network(void)
{
	if (!made.begun)
		return -1;
	made.begun = 0;
	pthread_join(made.thread, NULL);
	return made.fd;
}
