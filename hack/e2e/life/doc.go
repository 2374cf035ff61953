// Package life tests how a jail starts and ends: exit statuses, signals,
// terminals, faults, full disks, and that nothing is left of it. It holds tests
// only, and the loops of make soak.
//
// What does not belong here: what a jail may do while it runs.
package life
