// Package receipt is what a jail leaves that was asked for a receipt: one in-toto
// Statement of its session, in a DSSE envelope where it is signed. It writes,
// reads and verifies them; docs/receipts.md says what each field means.
//
// What is not protected: who may sign may say anything. A receipt is as true as
// the machine that made it, and its user, are trusted.
//
// What does not belong here: finding out what happened (runtime/attest), and what
// a jail is planned from (spec/plan/receipts).
package receipt
