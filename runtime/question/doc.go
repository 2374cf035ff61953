// Package question asks the user on the terminal that a jail has: it stands
// between the two, and while it asks nothing of the jail is shown there, and
// nothing that is typed goes to the jail. What the jail shows afterwards, and what
// it had switched on, is as before.
//
// A jail can show the same question. The answer goes to the jail then, and opens
// nothing.
//
// What does not belong here: what is asked.
package question
