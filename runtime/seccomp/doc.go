// Package seccomp turns the seccomp profile of a config.json into a BPF
// program, once: libseccomp needs about 50 ms for it, more than all the rest
// of a jail's start, so the program is kept in a per-user cache under the
// digest of the profile.
//
// The cache can only make a start faster. An entry that another user owns,
// that others may write, or whose content does not match its own digest is
// thrown away and made again.
//
// What is not protected here: what the profile allows. That is package spec's.
package seccomp
