// Package bridge is how programs of a jail ask for what programs of the host do
// for it: pages that the host's browser opens, images from the host's clipboard,
// notifications.
//
//   - Request and Parse are what a jail may say: one line of JSON, with nothing
//     unknown in it, and of it nothing that a program of the host could take for
//     anything else than a value.
//   - Server is the supervisor's side of the jail's socket: it lets through what
//     the configuration names, as often as a person would, and asks the user
//     where that is to be.
//   - The programs of the jail are in package programs, those of the host are
//     started by package desk, in a process outside of the supervisor's
//     namespaces.
//
// What does not belong here: terminals, starting programs, sockets.
package bridge
