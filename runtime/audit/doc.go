// Package audit is an attacker of jails, and the judge of what it reached.
//
// This package is the half outside. It lays out what is attacked (Prepare): files,
// sockets, keys and processes of the caller that hold a secret or note a visitor.
// It starts the jail with the attacker in the place of the agent, the same static
// program that made the jail (suite.Inside). What only the host can see (a marker in
// a folder, a packet, a signal, a process that stayed) it judges after the jail has
// ended. The attacks themselves are in attack and below: an attack does the real
// thing and looks whether it worked.
//
// Attacks harm nothing when they succeed: they read a secret that was made for
// it, make files of unlikely names that are removed again, and open what they
// must not write without writing. Those that would exhaust something stop as
// soon as it is clear that nothing stops them.
//
// What does not belong here: attacks, starting jails, and what a policy means. The
// caller says what was promised (attack.Facts) and starts the program.
package audit
