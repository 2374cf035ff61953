// Package object reads and changes JSON objects of a user's files, whose keys
// keep their order.
//
// What does not belong here: what a key means. Errors say nothing of what a file
// holds: there may be secrets.
package object
