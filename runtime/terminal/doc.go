// Package terminal keeps a program from using the terminal that shows its
// output: Filter passes on what shows something and drops what makes a terminal
// do something else, or type.
//
// It works by an allow-list. A terminal only ever gets whole units: printable
// text, single control characters, and complete sequences whose form is known.
// After each unit every terminal is in its ground state, so it does not matter
// that terminals differ in how they read what is malformed: they do not get it.
// docs/terminal.md lists what passes, and why.
//
// It reads and writes bytes. What a container, a policy or a pseudo-terminal is
// it does not know.
package terminal
