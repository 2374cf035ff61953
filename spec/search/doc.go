// Package search says where the searches of a project go: which folders they
// pass over, how deep they look, and in how many folders. The search at the
// start (spec/host) and the one when the jail has ended (runtime) both follow
// it. If they differed, a repository that only the second one finds would be
// reported as the agent's.
//
// What does not belong here: reading folders, and what is searched for.
//
// What it does not protect against: a repository in a folder that is passed
// over, or beyond the bounds, is neither protected when it is there at the
// start nor reported when it is new, unless git's index leads to it.
package search
