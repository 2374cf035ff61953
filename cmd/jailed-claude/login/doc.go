// Package login has the commands about logins that start no jail: logout and
// status.
//
// What does not belong here: what they do (spec/login, spec/kept, runtime/login).
package login
