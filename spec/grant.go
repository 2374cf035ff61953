package spec

// Grant is one thing that a jail may do or see, for "explain".
type Grant struct {
	// Kind groups grants: "file", "network", "environment", "nix",
	// "identity", "limit", "terminal", "protected", "hidden".
	Kind string `json:"kind"`
	// What is the path, name or value.
	What string `json:"what"`
	// Mode is "ro", "rw", or what fits the kind.
	Mode string `json:"mode,omitempty"`
	// From is where it comes from: "built-in", or the name of a policy layer.
	From string `json:"from"`
	// Why says what it is for.
	Why string `json:"why"`
}
