// Package remains is what the end of a jail says of what it leaves on the host that
// programs there would execute or trust, and keeps for a review; and of what only
// instructs agents (instructs.go).
//
// What does not belong here: finding it out (packages watch and hold), what a layer
// holds (package layer), receipts (package attest).
package remains
