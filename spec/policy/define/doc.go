// Package define reads [[agent.define]]: agents of the user's own, as package
// agent has rows of those that are known, and says what is wrong with one.
//
// What does not belong here: what becomes of a row (package agent and who reads
// it), and the rest of a policy.
package define
