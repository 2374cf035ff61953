// Package review shows what a jail changed in a layer, and carries to the host
// what the user wants there. What the host would execute or trust comes first,
// and waits for a yes.
//
// The parts: upper reads the layer, repo what is in its .git, apply writes to the
// host, page makes a page of it.
//
// What does not belong here: what the host executes or trusts (the caller says
// it, so that it is the same as for jails without a layer), questions on a
// terminal, and the log of the network.
package review
