// Package toolchain finds what the programs of a distribution's /usr read
// elsewhere: the folders of /etc and /var/lib that links in /usr lead to
// (openjdk's java.security, php's php.ini, TeX's formats), and those of a short
// list that programs know by name.
//
// What is found is readable by everybody on the host, or it is left out: a
// folder with something in it that is not is taken apart. Accounts, keys, the
// name of the host and the configuration of services never belong to it,
// whatever leads there.
//
// All of /usr is walked for it, once for each state of the database of the
// package manager: the answer is kept in the caller's cache.
//
// What does not belong here: how it is mounted (package spec), which program is
// the agent (package closure), and toolchains of the home (package
// toolchain/home).
package toolchain
