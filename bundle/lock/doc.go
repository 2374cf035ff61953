// Package lock pins a jail: which store paths it is made of and what is in
// them, what the project's policy says, and what jail follows from both. A
// team keeps the file next to the policy and everyone's agent runs in the same
// jail, byte for byte.
//
// Verify recomputes the NAR hashes of the store paths from the files
// themselves, so it needs neither Nix nor its database.
//
// What is not protected: a lock is no signature. Whoever may write it decides
// which store paths run, so it deserves the review that the policy gets. Run
// with a lock looks whether its paths are there, not what is in them: that
// takes a second or so, and is what verify is for. A NAR holds names, contents,
// symlinks and the executable bit; owners, times and other modes of a store
// path may change unseen.
//
// What does not belong here: finding the closure of a package, what a policy or
// a specification is (a lock has their digests alone), printing.
package lock
