// Package main is what hack/canary.sh needs besides strace: "canary make
// AGENT DIR" makes a project that has the files and folders of an agent's row, and
// "canary tell AGENT DIR TRACE…" says which files of such a project an agent looked
// for, in which of its versions, and which of them its row does not know.
//
// What does not belong here: what an agent does with a file, which a row of
// spec/agent says, and installing agents.
package main
