// Package lab is a made-up network for tests: a host with a card, and the
// internet, the caller's own network and cloud metadata at the other end of the
// cable, with servers, a name server and a certificate authority. It runs as a
// process in namespaces of its own, which takes orders and says what arrived.
//
// What does not belong here: starting that process, and running programs in its
// namespaces (world).
package lab
