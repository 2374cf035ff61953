// Package key describes keys of the policy file: their names, what they are for,
// and which values they take, in words too.
//
// What does not belong here: which keys there are (package policy), and where
// their values go.
package key
