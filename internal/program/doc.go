// Package program finds programs on PATH that a jail cannot have changed: a folder
// of the project on PATH (node_modules/.bin, a virtual environment, ".") is the
// agent's to write.
//
// What does not belong here: starting them, and what is looked for inside a jail.
package program
