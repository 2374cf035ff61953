// Package audit tests the audit command: that its attacks fail against a whole
// jail, and that each of them gets through where its protection is taken away.
// It holds tests only.
//
// What does not belong here: attacks of our own on a jail (privilege, network).
package audit
