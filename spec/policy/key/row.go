package key

import "github.com/jailed-claude/jailed-claude/spec/policy/change"

// Row is a key, and where its value is in a layer and in a policy: a line of the
// one table of keys, for the packages that have some of its lines.
type Row[L, P any] struct {
	Key
	// Check returns what is wrong with a string, or with one of a list, and ""
	// if nothing is; nil for none.
	Check  func(value string) (problem string)
	Change change.Meaning
	// Layer and Policy return pointers to the fields of the key.
	Layer  func(*L) any
	Policy func(*P) any
}
