// Package steer is what the user changes of the network of a jail that runs, and
// asks about it: allow, deny, ports, why. Handle is the supervisor's side of the
// control channel (runtime/control), the functions with a launch.Running are the
// command's.
//
// It reaches rules and published ports. Brokers, keys and mounts are those of
// config.json for as long as the jail runs.
//
// What does not belong here: what a rule means (spec/network), who may speak to a
// supervisor (runtime/control).
package steer
