#include <sys/types.h>

#define JAIL_STAGE_ENV "_JAILED_CLAUDE_STAGE"
// GOGC of a supervisor while a jail starts: no collection below 16 MB.
#define JAIL_START_GOGC "400"
// libcontainer sets it for its init.
#define JAIL_INIT_ENV "_LIBCONTAINER_INITPIPE"

// What the constructor did, for Go to read.
struct jail_userns {
	int entered;
	int error;        // errno of the step that failed
	const char *step; // its name
	int split;        // this process was split in two (see split.c)
	int peer;         // a socket to the other half, or -1
	int other;        // PID of the other half
	unsigned uid;     // the caller's, which is 0 in the user namespace
	unsigned gid;     // the same
};

extern struct jail_userns jail_userns;

// Enters the namespaces of a supervisor and notes in jail_userns how far it got.
void jail_enter(void);

// Splits a process that is about to start a jail.
void jail_split(int argc, char **argv, char **envp);

// Makes the table of descriptors as large as a start may need it.
void jail_make_room(void);

// Begins to make a network namespace with its loopback device up.
void jail_begin_netns(void);

// Waits for that, and returns a descriptor that alone keeps it, or -1.
int jail_netns(void);

// Notes on which processors the caller may run.
void jail_ask_processors(void);

// Gives these to a process of one thread. Returns -1 with errno if that fails.
int jail_give_processors(pid_t pid);

// Chooses a processor for what makes a start long: the one that this thread is on.
void jail_choose(void);

// Has a child process run on the other processors.
void jail_send_away(pid_t child);

// Has the first thread of this process run on the chosen processor, and its
// other threads on the others.
void jail_apart(void);

// Has all threads of this process run where the caller may.
void jail_together(void);

// Writes strings, each with its NUL, where /proc/PID/environ is read from.
void jail_describe(const char *text, unsigned long len);
