// What pass.c leaves to pass.go.
#ifndef JAIL_PASS_H
#define JAIL_PASS_H

// How a descriptor is passed on.
enum jail_pass_how { PASS_NOT, PASS_PLAIN, PASS_FILTERED };

// Where the process that passes on has its descriptors: the caller's are 0 to 2, and
// those of the jail, in the same order, begin here. PASS_ENDED hangs up when the
// agent has ended.
enum { PASS_JAIL = 3, PASS_ENDED = 6 };

struct jail_pass {
	int is; // this process is the one
	int clipboard;
	enum jail_pass_how how[3];
};

extern struct jail_pass jail_pass;

#endif
