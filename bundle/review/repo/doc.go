// Package repo reads what a jail did to a project's git repository in a layer
// (commits, refs, the index, the config), and takes it over: objects first, then
// refs by compare-and-swap, then HEAD and the index.
//
// git itself reads objects, from a git directory of our own: none of its config
// is the layer's or the project's, so that it runs no hook, filter, monitor,
// pager or helper of either. Refs are moved in the project's git directory, with
// all of these switched off. Files of the layer's .git are never copied, but for
// notes that hold no more than names of commits and messages.
//
// What does not belong here: what of a project the host trusts, which callers
// say; and files outside of .git.
package repo
