// Package attest writes the receipt of a jail that has ended: what its draft says,
// and what the supervisor knows at the end. It is written into a folder that was
// opened before the jail started and that no mount of the jail's holds
// (spec/plan/receipts), by a name that must be new, whole or not at all.
//
// What does not belong here: what a receipt is (bundle/receipt), and finding out
// what happened.
package attest
