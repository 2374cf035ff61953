// Package bridges tests what a jail may ask of the desktop: pages, images from the
// clipboard, notifications. It gets what the policy names and nothing else,
// whatever it says. It holds tests only.
//
// What does not belong here: the network (network), escape sequences (life).
package bridges
