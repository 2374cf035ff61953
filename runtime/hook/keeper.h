#define JAIL_KEEPER_ENV "_JAILED_CLAUDE_KEEPER"

// Names the descriptors that a keeper brought along, the container's user
// namespace first.
#define JAIL_KEEPER_JOINED_ENV "_JAILED_CLAUDE_KEEPER_JOINED"

extern int jail_keeper_error; // of setns(2), 0 if it went well
