// Package inspect reads from the kernel what holds for the agent's process just
// before it executes, and compares it with what the configuration promises. It
// believes neither the configuration nor whoever applied it.
//
// What does not belong here: making any of it hold.
package inspect
