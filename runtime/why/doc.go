// Package why is the program jailed-claude-why, which a jail has on its PATH: it
// says why a path or a host is refused, and what the user could do about it.
//
// It reads what every program in the jail can read: the facts of the jail
// (brief.FactsPath), its own mounts, and the list of what was refused. It asks
// nobody and changes nothing. Of what is hidden it says so where it is asked
// about it by name, as a look at /proc/self/mountinfo does.
//
// What does not belong here: deciding (spec/network, spec/contract/brief).
package why
