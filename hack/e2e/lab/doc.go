// Package lab names what there is in a made-up network for tests: addresses, and
// the orders that the process which makes it takes. That is hack/lab, a module
// of its own.
//
// What does not belong here: servers (hack/lab), and starting them (world).
package lab
