// Package lending has the keys of [ssh] and [bridges]: what the host does for a
// jail that asks. They are rows of the one table of package policy.
//
// What does not belong here: other keys, decoding, merging.
package lending
