// Package fault lets a test end this program, or fail it, at a named point of
// a start.
//
// What does it is compiled in with the build tag "faults" alone: in a release
// At is a constant nil, and no environment variable has a meaning. hack/test.sh
// builds a second binary with the tag for hack/e2e, which goes through all
// Points.
//
// What does not belong here: deciding anything. A point that changes what a
// start does, other than to end it, would test another program.
package fault

// Point is a place in a start, named after what has just been done.
type Point string

// Points of the planning process, in the order in which a start passes them.
const (
	Policy   Point = "policy"    // policies are read and merged
	Facts    Point = "facts"     // the host has been looked at
	Closure  Point = "closure"   // the closure is known
	Built    Point = "built"     // the jail is specified
	Prepared Point = "prepared"  // folders of ours exist
	Seeded   Point = "seeded"    // the private configuration has its beginning
	Keys     Point = "keys"      // brokers have their keys
	Log      Point = "log"       // the session's log is begun
	Filter   Point = "filter"    // the seccomp profile is compiled
	HandOver Point = "hand-over" // all that the supervisor gets is written
)

// Points of the supervisor.
const (
	Waiting    Point = "waiting"    // it has a half that plans, and waits for it
	TakenOver  Point = "taken-over" // it has read what it was handed
	UserNS     Point = "userns"     // it is in its user and mount namespaces
	NetBegun   Point = "net-begun"  // the network is being set up
	Sources    Point = "sources"    // mount sources are open
	Watch      Point = "watch"      // what to watch is noted
	Tmpfs      Point = "tmpfs"      // its own tmpfs is mounted
	Bundle     Point = "bundle"     // the bundle is written
	Tree       Point = "tree"       // all mounts are made
	Translated Point = "translated" // libcontainer has its configuration
	Created    Point = "created"    // libcontainer.Create has returned
	Started    Point = "started"    // PID 1 is there
	Ready      Point = "ready"      // the agent has dropped everything
	Network    Point = "network"    // the network stands
	Inspected  Point = "inspected"  // what holds has been read
	Releasing  Point = "releasing"  // all is ready for the program
	Released   Point = "released"   // the program may execute
	Ended      Point = "ended"      // the program has ended
	Closed     Point = "closed"     // the jail is gone
)

// Points of the hooks of exported bundles, and of the keeper that they start.
const (
	HookListens   Point = "hook-listens"   // network-start: the socket is there
	KeeperStarted Point = "keeper-started" // network-start: and the keeper
	KeeperWaits   Point = "keeper-waits"   // the keeper: nobody has come yet
	KeeperGot     Point = "keeper-got"     // the keeper: it has the namespaces
	KeeperJoined  Point = "keeper-joined"  // the keeper: it is in them
	KeeperStands  Point = "keeper-stands"  // the keeper: the network stands
	HookJoins     Point = "hook-joins"     // network-join: it has found the keeper
	HookJoined    Point = "hook-joined"    // network-join: the network stands
	HookStops     Point = "hook-stops"     // network-stop: it knows what to end
)

// Start has the points of the planning process and of the supervisor, Hooks
// those of exported bundles. Every start passes all of them.
var (
	Start = []Point{
		Policy, Facts, Closure, Built, Prepared, Seeded, Keys, Log, Filter, HandOver,
		Waiting, TakenOver, UserNS, NetBegun, Sources, Watch, Tmpfs, Bundle, Tree, Translated, Created, Started, Ready, Network, Inspected,
		Releasing, Released, Ended, Closed,
	}
	Hooks = []Point{HookListens, KeeperStarted, KeeperWaits, HookJoins, KeeperGot, KeeperJoined, KeeperStands, HookJoined, HookStops}
)

// Variable names a point and what happens there, as POINT:ACTION. It begins
// with GO so that it gets to the supervisor, as GODEBUG does.
const Variable = "GOJAIL_FAULT"

// Actions.
const (
	// Kill ends the process with SIGKILL.
	Kill = "kill"
	// Fail makes the point return an error.
	Fail = "error"
	// Stop stops the process until SIGCONT: for what a test does meanwhile.
	Stop = "stop"
	// Orphan ends the children of the process with SIGKILL, and goes on.
	Orphan = "orphan"
)

// After is err, or what happens at p if there is none.
func After(p Point, err error) error {
	if err != nil {
		return err
	}
	return At(p)
}

// Without switches start-up tricks off (runtime/quick): names of some, with
// commas between, or "all". It gets to the supervisor as Variable does.
const Without = "GOJAIL_WITHOUT"

// Tricks are the names that it knows.
var Tricks = []string{"split", "place", "slice", "room", "slack", "network", "garbage", "forget"}
