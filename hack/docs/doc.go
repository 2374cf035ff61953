// Package docs checks documents against what they speak of: SECURITY.md names
// tests, classes of attacks, targets of make and folders, and all of them have
// to be there.
//
// What does not belong here: documents that a package can check itself, as
// spec/policy does with the keys of docs/policy.md.
package docs
