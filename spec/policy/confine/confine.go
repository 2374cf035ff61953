// Package confine has the keys of [env], [nix], [limits], [identity] and
// [terminal]: what a jail is made of, and how much of the machine. They are rows
// of the one table of package policy.
//
// What does not belong here: other keys, decoding, merging.
package confine

// Env is the environment beyond the built-in allow-list.
type Env struct {
	// Pass names variables that cross from the caller.
	Pass []string
	// Set are variables with fixed values.
	Set map[string]string
}

// EnvLayer is what a layer says about Env.
type EnvLayer struct {
	Pass []string
	Set  map[string]string
}

// Nix is what the jail sees of Nix.
type Nix struct {
	// Daemon is DaemonOff or DaemonAuto.
	Daemon string
	// Store is StoreClosure or StoreFull.
	Store string
}

// NixLayer is what a layer says about Nix.
type NixLayer struct {
	Daemon *string
	Store  *string
}

// Limits are cgroup limits. Zero means: no limit.
type Limits struct {
	// Memory in bytes (memory.max of cgroup v2).
	Memory int64
	// Pids is the largest number of processes and threads (pids.max).
	Pids int64
	// CPUs is a number of processors (cpu.max as quota/period).
	CPUs float64
	// Cache is how many bytes the caches of a project keep; zero is DefaultCache.
	Cache int64
}

// LimitsLayer is what a layer says about Limits. All values must be positive;
// a layer cannot lift a limit of a weaker one, only replace it.
type LimitsLayer struct {
	// Memory in bytes; package scalar reads the written form.
	Memory *int64
	Pids   *int64
	CPUs   *float64
	Cache  *int64
}

// Identity is who the agent is inside.
type Identity struct {
	// User is UserKeep or UserRoot.
	User string
	// Nesting lets the agent make user namespaces, and mounts in them.
	Nesting bool
}

// IdentityLayer is what a layer says about Identity.
type IdentityLayer struct {
	User    *string
	Nesting *bool
}

// Terminal is what the jail may make the caller's terminal do, beyond showing
// things.
type Terminal struct {
	// Clipboard is ClipboardOff or ClipboardWrite.
	Clipboard string
	// Filter is FilterAuto or FilterAlways.
	Filter string
}

// TerminalLayer is what a layer says about Terminal.
type TerminalLayer struct {
	Clipboard, Filter *string
}

// DefaultCache is the limit of caches where there is no other.
const DefaultCache = 10 << 30

// Values of the enumerated keys.
const (
	DaemonOff  = "off"
	DaemonAuto = "auto"

	StoreClosure = "closure"
	StoreFull    = "full"

	UserKeep = "keep"
	UserRoot = "root"

	ClipboardOff   = "off"
	ClipboardWrite = "write"

	FilterAuto   = "auto"
	FilterAlways = "always"
)
