// Package advice is what to do about errors: what they say themselves, and what
// is known of those from packages that give none.
//
// What does not belong here: how an error is printed, and its exit status.
package advice
