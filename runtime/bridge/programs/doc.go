// Package programs is what programs of a jail find in place of those of a
// desktop: xdg-open, xclip, wl-paste and notify-send, which ask the supervisor by
// the socket of the jail's bridges. They take the arguments that are asked with,
// and refuse all others in words.
//
// What does not belong here: deciding (runtime/bridge).
package programs
