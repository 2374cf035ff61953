// Package position knows where in a TOML file each key, value and element is,
// and how errors name them.
//
// What does not belong here: what a key means, whether a document is sound (it
// has been decoded before), and reading files.
package position
