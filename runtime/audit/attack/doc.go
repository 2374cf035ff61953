// Package attack says what an attack is, and has what all of them need: what the
// attacker is told (Bait, Facts), what the host saw (Witness), system calls in
// processes of their own, and questions that harm nothing.
//
// Attacks are in the packages below, by what they are made with: files, network,
// and kernel for processes, namespaces and system calls. suite has all of them in
// their order, and the process that makes them. Imports go from suite to these and
// from these to attack.
//
// A new attack is an Attack in the list of its class. Only a new class has to be
// named in suite.
//
// What does not belong here: single attacks, and what the host lays out and judges
// (runtime/audit).
package attack
