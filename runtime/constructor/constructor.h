// The steps of constructor.c: what each package does before the Go runtime of a
// process starts. Each includes this, so that a step is what the list calls.
#ifndef JAIL_CONSTRUCTOR_H
#define JAIL_CONSTRUCTOR_H

// Set in a process that was executed as the supervisor of a jail.
#define JAIL_STAGE_ENV "_JAILED_CLAUDE_STAGE"
// Set in a process that waits for the end of a jail: its socket.
#define JAIL_AFTER_ENV "_JAILED_CLAUDE_AFTER"
// Set by libcontainer in its init.
#define JAIL_INIT_ENV "_LIBCONTAINER_INITPIPE"

// runtime/jailinit: PID 1 of a jail, if argv[0] says so. Does not return then.
void jail_pid1(int argc, char **argv);

// runtime/gitfront: the git of a jail goes on to the real one, if argv[0] says so
// and nothing has to be asked. Does not return then.
void jail_git(int argc, char **argv);

// runtime/cgroup: removes the cgroups of a jail, if argv[0] says so. The same.
void jail_janitor(int argc, char **argv);

// runtime/hook: a keeper enters the user namespace of its container.
void jail_keeper(void);

// runtime/afterwards: waits for the end of a jail, and goes on, or does not return.
void jail_afterwards(void);

// runtime/userns: a supervisor enters its user and mount namespaces.
void jail_enter(void);

// The program's own: whether this command starts a jail.
int jail_starts_a_jail(int argc, char **argv);

// runtime/enough: ends the process where the caller's limits are too tight.
void jail_enough(void);

// runtime/quick: these are there for the clock alone.
void jail_note_processors(void);
int jail_split(void);
void jail_place(void);
void jail_be_short(void);
void jail_stay(int init_pipe);
void jail_be_late(void);
void jail_make_room(void);
void jail_begin_network(void);

// runtime/quick too, and no step: drops pages of code from this process.
void jail_forget_code(void);

#endif
