// Package judge says by names what git, or the file system of somebody else, makes of
// a path: that it is .git in another spelling, or a file of git's own that is more
// than data.
//
// What does not belong here: what other programs of the host execute (spec/host/survey),
// and what is done about it.
package judge
