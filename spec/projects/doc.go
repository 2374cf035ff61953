// Package projects keeps one folder for each project: what the jails of this
// project may write and find again, such as the agent's configuration. It says
// where the folder is, whose it is, and what has become of the project.
//
// A project is known by its real path. A record next to the folder also holds
// the device, inode and birth time of the project's own folder, so that a
// project that was moved is recognised, and another one that reuses an inode is
// not.
//
// What does not belong here: what lies in such a folder (package claude), and
// which part of it a jail gets (package spec). The record itself is in no jail.
package projects
