// Package apply carries changes of a layer to the host, and back. It is told
// which: each operation has the state that the host must have before and the
// state that it has afterwards, by digest.
//
// A file goes over by one rename(2): exchanged with what the host has, which is
// then looked at and exchanged back if it is not what was expected. So nothing is
// overwritten, and nothing is written through a symlink. A journal lies in the
// layer before the first rename; how far each operation came is read from the
// files themselves. Whoever finds a journal finishes it, or takes it back.
//
// What does not belong here: which changes are applied, and what git makes of
// refs and objects.
//
// What it does not protect against: a program of the host that had a file open
// before and writes to it afterwards, writes to the version that was replaced.
package apply
