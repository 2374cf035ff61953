// Package files tests which files a jail sees and which it can change. It holds
// tests only.
//
// What does not belong here: the policies and approvals that decide it (cli).
package files
