// Package receipts begins the receipt of a jail that is planned: what it says of
// configuration, policy, lock and agent, and the folder that it will be written in,
// which has to be out of the jail's reach. It also finds the digests that a receipt
// is held against.
//
// What does not belong here: what a receipt is (bundle/receipt), and what happened
// (runtime/attest).
package receipts
