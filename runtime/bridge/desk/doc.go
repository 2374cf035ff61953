// Package desk is a process of the caller's, outside of the namespaces of a
// jail's supervisor, that starts the programs of the desktop which the jail may
// ask for: xdg-open, wl-paste or xclip, notify-send. The supervisor cannot: to
// them it is root of a user namespace, with another /tmp.
//
// It exists only for a jail that has bridges, hears only its supervisor, and ends
// with it. What it is told has been parsed and decided; it parses it once more,
// and has for each request one program with fixed arguments.
//
// What does not belong here: what a jail may ask for (runtime/bridge).
package desk
