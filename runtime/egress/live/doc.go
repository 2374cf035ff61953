// Package live holds the rules of a jail that runs. They begin as those of its
// configuration; the user adds to them, and answers questions about destinations
// that no rule names (Config.Ask).
//
// What the configuration denies stays denied, and mode "none" stays none: the
// user who wrote that starts another jail. Brokers and mounts are no rules.
//
// What does not belong here: deciding (spec/network), connections, and how the
// user speaks to a supervisor.
package live
