// What the tricks of this package tell each other and Go.
#ifndef JAIL_QUICK_H
#define JAIL_QUICK_H

#include <sys/types.h>

// Whether a trick is switched off (without.c).
int jail_without(const char *trick);

// split.c: what the constructor did.
struct jail_split {
	int done; // this process was split in two
	int peer; // a socket to the other half, or -1
	int other; // PID of the other half
};
extern struct jail_split jail_halves;

// place.c: the processors that the caller may use, for a process of one thread.
// Returns -1 with errno if that fails.
int jail_give_processors(pid_t pid);
// Has a child process run on other processors than this thread.
void jail_send_away(pid_t child);
// Has the first thread of this process run on the chosen processor, and its
// other threads on the others.
void jail_apart(void);
// Has all threads of this process run where the caller may.
void jail_together(void);

// slice.c: gives a thread the time slice that the process began with. Returns -1
// with errno if that fails.
int jail_give_slice(pid_t tid);

// network.c: a descriptor of the network namespace that was made ahead, or -1.
int jail_network(void);

// slack.c: gives this thread the timer slack back that the process began with.
void jail_be_punctual(void);

#endif
