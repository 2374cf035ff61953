// Package receipts has the commands about receipts of sessions.
//
// What does not belong here: what a receipt is (bundle/receipt) and how one is made.
package receipts
