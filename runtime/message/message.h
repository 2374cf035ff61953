// The messages between the processes of a jail, a byte each. C and Go read them
// from here. docs/design.md shows them in their order; a test compares.
#ifndef JAIL_MESSAGE_H
#define JAIL_MESSAGE_H

// Name, byte, sender, receiver, and what it says. The bytes are not repeated, so
// that a message that comes to the wrong process is none that it knows.
#define JAIL_MESSAGES(X) \
	/* On the socket between the two halves of a process (runtime/launch). */ \
	X(END_CONTAINER, 'E', "planner", "supervisor", "end container") \
	X(CONTAINER_ENDED, 'D', "supervisor", "planner", "container ended") \
	X(PLAN, 'P', "planner", "supervisor", "plan") /* with descriptors */ \
	X(REFUSED, 'U', "supervisor", "planner", "no namespaces") /* with what failed */ \
	/* On the control socket of PID 1 (runtime/supervisor, runtime/jailinit). */ \
	X(WAITS, 'W', "PID 1", "supervisor", "waits") \
	X(ORDERS, 'O', "supervisor", "PID 1", "orders") /* they are in a file */ \
	X(READY, 'R', "agent", "supervisor", "ready") \
	X(READY_LANDLOCKED, 'L', "agent", "supervisor", "ready, in Landlock") \
	X(EXECUTE, 'X', "supervisor", "agent", "execute") \
	X(STOPPED, 'S', "PID 1", "supervisor", "stopped") \
	/* The same, for a further program ("exec"). */ \
	X(FURTHER, 'F', "supervisor", "PID 1", "further program") /* with a socket for it */ \
	/* On the socket of a further program, besides those of PID 1. */ \
	X(TERMINAL, 'T', "leader", "supervisor", "terminal") /* with its master */ \
	X(CLONED, 'C', "program", "supervisor", "cloned") \
	X(EXITED, 'Q', "leader", "command", "exited") /* with the status, a byte */ \
	/* On a pipe, after which the agent has its ids (runtime/jailinit). */ \
	X(MAPPED, 'M', "PID 1", "agent", "ids mapped") \
	/* On the socket of a keeper (runtime/hook). It answers with JSON. */ \
	X(NAMESPACES, 'N', "hook", "keeper", "namespaces") /* with descriptors */ \
	/* On the socket of what waits for the end of a jail (runtime/afterwards). */ \
	X(GO, 'G', "supervisor", "review", "the jail has ended")

enum jail_message {
#define JAIL_MESSAGE(name, byte, from, to, says) JAIL_##name = byte,
	JAIL_MESSAGES(JAIL_MESSAGE)
#undef JAIL_MESSAGE
};

// jail_message_text says who sends a message, to whom, and what it says. It is
// NULL for a byte that is none.
static inline const char *jail_message_text(unsigned char byte)
{
	static const char *const text[256] = {
#define JAIL_MESSAGE(name, byte, from, to, says) [byte] = from " -> " to ": " says,
		JAIL_MESSAGES(JAIL_MESSAGE)
#undef JAIL_MESSAGE
	};

	return text[byte];
}

#endif
