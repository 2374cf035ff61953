// What the files of PID 1 share. Their names begin with "init_", since all C
// code of the program is linked together.
#ifndef JAIL_INIT_H
#define JAIL_INIT_H

#include <setjmp.h>
#include <stddef.h>
#include <sys/types.h>

#include "message.h"

#define INIT_PATH "/.jail/init" // contract.InitPath; a test compares the two
#define PROFILE_PATH "/.jail/seccomp.bpf" // contract.ProfilePath, the same

enum { MOST_FILES = 65536 }; // spec.maxOpenFiles, under other runtimes

enum { INIT_LAST_FD = 0x7fffffff }; // for close_range(2); gVisor takes no larger one

enum { EXIT_OURS = 125, EXIT_CANNOT_RUN = 126, EXIT_NOT_FOUND = 127 };

struct init_options {
	long uid, gid;   // the agent's ids; -1: no user namespace of its own
	int nesting;     // the agent may make namespaces
	int adopted;     // the supervisor is not the parent before the orders come
	int control_fd;  // to the supervisor, -1 under other runtimes
	int seccomp_fd;  // a compiled profile (struct sock_filter[]), or -1
	int orders_fd;   // the rest of the arguments, or -1
	int debug_fd;    // where messages are told that only C sees, or -1
	int terminal;    // a further program gets a terminal of the jail
	int stdio[3];    // descriptors that replace 0, 1 and 2, or -1
	int filter;      // output passes the filter of a terminal, whatever it is
	int filter_clipboard; // and may write to the clipboard
	int own_terminal; // the supervisor has made and filters it, under gVisor
	pid_t passer;    // passes standard descriptors on, or 0
	int ended;       // is closed to tell it that the agent has
	char **writable; // places that the agent may write to; NULL: nobody said
	char **argv;     // the agent
};

#define INIT_NO_OPTIONS { -1, -1, 0, 0, -1, -1, -1, -1, 0, { -1, -1, -1 }, 0, 0, 0, 0, -1, NULL, NULL }

// init_die says what failed, by errno, and ends this process.
void init_die(const char *what) __attribute__((noreturn));

// orders.c

// init_parse reads arguments up to "--".
void init_parse(struct init_options *o, char **argv);

// init_check ends this process where the options are not complete.
void init_check(const struct init_options *o);

// init_take_orders reads the orders and returns the environment in them.
char **init_take_orders(struct init_options *o);

// writable.c

// init_find_writable asks the kernel for the mounts that can be written to, and
// returns their places.
char **init_find_writable(void);

// seccomp.c

// init_load_profile applies the profile of config.json, compiled beforehand.
int init_open_profile(void);
void init_load_profile(int fd);

// init_forbid_namespaces applies a second filter, without which the agent could
// make namespaces.
void init_forbid_namespaces(void);

// landlock.c

// init_stay_inside enters a Landlock domain that writes to these places alone.
// Returns 0 where the kernel has none.
int init_stay_inside(char *const *writable);

// pass.c

// init_pass puts pipes in the place of standard descriptors that shall not enter the
// jail as they are. Returns 1 in the process that passes on, and that goes on to Go.
int init_pass(struct init_options *o);

// init_pass_end waits until all that the agent wrote is passed on.
void init_pass_end(const struct init_options *o);

// namespaces.c

// init_map_ids gives the user namespace of pid the agent's ids.
void init_map_ids(int pid, const struct init_options *o);

// init_drop_capabilities drops all, for good.
void init_drop_capabilities(int own_userns);

// agent.c

// init_agent becomes the agent as soon as a byte comes from mapped.
void init_agent(const struct init_options *o, int mapped, char **envp) __attribute__((noreturn));

// init_foreground makes pgid the foreground process group of the controlling
// terminal, if there is one. SIGTTOU is blocked or ignored by the caller.
void init_foreground(pid_t pgid);

// pid1.c

// init_to_go is where a process that goes on to Go returns to, from wherever it is.
extern jmp_buf init_to_go;

// init_supervise passes signals on to the agent, reaps, and returns the status of
// the agent when that ends. asked is called for SIGIO.
int init_supervise(pid_t agent, const struct init_options *o, void (*asked)(const struct init_options *, pid_t));

// init_let_go_of_stdio keeps this process from holding pipes open that the agent
// closes.
void init_let_go_of_stdio(const struct init_options *o);

// further.c

// init_further starts the programs that the supervisor has asked for, if any.
void init_further(const struct init_options *o, pid_t agent);

// init_tell sends a message. Returns whether it went.
int init_tell(int fd, enum jail_message m);

// init_await waits for this message, and ends this process where another one
// comes or none: whoever should send it is gone, or has said why.
void init_await(int fd, enum jail_message m);

#endif
