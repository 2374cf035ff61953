// Package seccomp turns the seccomp profile of a config.json into a BPF
// program, once: libseccomp needs milliseconds for it, a good part of a jail's
// start, so the program is kept in a per-user cache under the digest of the
// profile (BenchmarkCompile, BenchmarkCached).
//
// The cache can only make a start faster. An entry that another user owns,
// that others may write, or whose content was made for another profile or
// does not match its digest is thrown away and made again.
//
// What is not protected here: what the profile allows. That is package spec's.
package seccomp
