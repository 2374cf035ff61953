// Package show prepares text that somebody else chose, such as the name of a
// file in a project, for a terminal and for a shell.
//
// What does not belong here: texts of several lines and diffs, which package
// claude shows with every character visible.
package show
