// Package orders is what PID 1 of a jail learns when it already runs: what its
// agent is to be, and the limits of both. runtime/jailinit/orders.c reads it.
//
// What does not belong here: when PID 1 is told (supervisor, enter).
package orders
