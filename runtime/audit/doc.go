// Package audit is an attacker of jails, and the judge of what it reached.
//
// The suite runs in the place of the agent, as the same static program that
// made the jail (Inside). What it attacks has been laid out before by the other
// half (Prepare): files, sockets, keys and processes of the caller that hold a
// secret or note a visitor. An attack does the real thing and looks whether it
// worked; what only the host can see (a marker in a folder, a packet, a signal,
// a process that stayed) is judged outside, after the jail has ended.
//
// Attacks harm nothing when they succeed: they read a secret that was made for
// it, make files of unlikely names that are removed again, and open what they
// must not write without writing. Those that would exhaust something stop as
// soon as it is clear that nothing stops them.
//
// What does not belong here: starting jails, and what a policy means. The
// caller says what was promised (Facts) and starts the program.
package audit
