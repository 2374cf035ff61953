package spec

import (
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/jailed-claude/jailed-claude/internal/show"
)

// Grant is one thing that a jail may do or see, for "explain".
type Grant struct {
	// Kind groups grants: "file", "network", "environment", "nix",
	// "layer", "identity", "limit", "terminal", "protected", "unprotected", "hidden".
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

// Print writes a table for people.
func Print(w io.Writer, grants []Grant) error {
	t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintln(t, "KIND\tWHAT\tMODE\tFROM\tWHY")
	for _, g := range grants {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", g.Kind, show.Visible(g.What), g.Mode, show.Visible(g.From), show.Visible(g.Why))
	}
	return t.Flush()
}
