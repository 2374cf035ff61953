// Package network tests what a jail reaches: names, addresses and ports of each
// mode, evasion of the rules, exported bundles under other runtimes, and the
// command-line tools that people use. It holds tests only.
//
// What does not belong here: keys that a broker adds (keys).
package network
