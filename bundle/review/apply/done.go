package apply

import (
	"fmt"
	"strings"
)

// Done is what became of it.
type Done struct {
	// Files and Refs count what was applied.
	Files int `json:"files"`
	Refs  int `json:"refs"`
	// Finished: an apply that had been interrupted was finished; Back: taken back.
	Finished bool `json:"finished"`
	Back     bool `json:"back"`
	// Failed are paths that were left as they were, Held counts those that wait.
	Failed []Failure `json:"failed,omitempty"`
	Held   int       `json:"held"`
	// Kept is a folder with what was discarded of a layer, Dropped one with what was
	// dropped from the host. Accepted counts what was left there with a yes.
	Kept     string `json:"kept,omitempty"`
	Dropped  string `json:"dropped,omitempty"`
	Accepted int    `json:"accepted,omitempty"`
}

// String is what was applied, in words.
func (d Done) String() string {
	var parts []string
	for _, n := range []struct {
		n    int
		what string
	}{{d.Files, "file"}, {d.Refs, "ref"}} {
		switch {
		case n.n == 1:
			parts = append(parts, "1 "+n.what)
		case n.n > 1:
			parts = append(parts, fmt.Sprintf("%d %ss", n.n, n.what))
		}
	}
	return strings.Join(parts, " and ")
}
