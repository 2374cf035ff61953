// Package watch notices what a jail changes of what programs outside of it
// would execute or trust, by the annotations of its config.json and the opened
// sources of its mounts.
//
//   - New looks at what is there before the jail starts (watch.go), also at
//     what is protected from an agent that can make namespaces (guard.go);
//   - Start hears of watched paths that appear, gone again or not (notify.go),
//     and of what appears in any folder (nested.go);
//   - Report names what has appeared or changed when the jail has ended, new
//     git repositories included (repositories.go), also those to which git's index
//     leads, and what is new in git directories (gitdirs.go).
//
// What does not belong here: which paths matter, and what happens to a jail in
// which one appears.
package watch
