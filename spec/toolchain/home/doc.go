// Package home knows the toolchains that people install into their home, by a
// version manager or by hand: where each is, which project uses it, which folders
// of it belong on PATH. What it names holds programs, never a login.
//
// What does not belong here: how that is mounted (package spec), and the
// toolchain of the system (package toolchain).
package home
