// Package canon writes JSON in one way only, so that equal values have equal
// bytes and a digest of them means something.
//
// The form is that of RFC 8785 (JSON Canonicalization Scheme): no white space,
// object members sorted by the UTF-16 code units of their names, strings with
// the fewest escapes, numbers as ECMAScript writes them. One thing differs: an
// integer is written in full, also beyond 2^53, for a memory limit must not
// change because it is large. Such a number cannot be read by every JSON
// library, but no two of them have the same bytes.
//
// What does not belong here: what a digest is of (package spec/policy, package
// spec).
package canon
