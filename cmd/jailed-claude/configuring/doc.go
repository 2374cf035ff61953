// Package configuring has the commands about what is kept of an agent's own
// configuration ("config").
//
// What does not belong here: what they do, which is in spec/kept, spec/claude and
// spec/projects.
package configuring
