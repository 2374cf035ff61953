// Package crowd says how fast connections are taken when many come at once, and
// when memory is worth giving back after them.
//
// Many connections at once, as of a package manager, leave stacks and a heap
// behind that a supervisor does not need for the hours that its jail may go on.
// The Go runtime alone would give them back when as much is allocated again.
//
// What does not belong here: connections, and giving memory back.
package crowd

import "time"

const (
	crowded = 32 // connections at once that are worth it
	// Calm is how long after most of them have ended.
	Calm = time.Second
)

// Crowd is how many connections were open at once.
type Crowd struct {
	// Most of them.
	Most    int
	leaving bool // memory will be given back
}

// Came is called with the number of open connections when there is one more.
func (c *Crowd) Came(open int) { c.Most = max(c.Most, open) }

// Went is called with the number that is left when one has ended. It says
// whether it is time to give memory back, once Calm has passed.
func (c *Crowd) Went(open int) bool {
	if c.leaving || c.Most < crowded || open > c.Most/8 {
		return false
	}
	c.leaving = true
	return true
}
