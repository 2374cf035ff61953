package egress

import (
	"time"

	"github.com/jailed-claude/jailed-claude/runtime/egress/splice"
	"github.com/jailed-claude/jailed-claude/runtime/quick"
)

// Many connections at once, as of a package manager, leave stacks and a heap
// behind that this process does not need for the hours that its jail may go on.
// The Go runtime alone would give them back when as much is allocated again.
const (
	crowded = 256         // connections at once that are worth it
	calm    = time.Second // so long after most of them have ended
)

// crowd is how many connections were open at once.
type crowd struct {
	most    int
	leaving bool // memory will be given back
}

// came is called with the number of open connections when there is one more.
func (c *crowd) came(open int) { c.most = max(c.most, open) }

// went is called with the number that is left when one has ended. It says
// whether it is time to give memory back, once calm has passed.
func (c *crowd) went(open int) bool {
	if c.leaving || c.most < crowded || open > c.most/8 {
		return false
	}
	c.leaving = true
	return true
}

// giveBack gives back what connections needed that have ended.
func (s *Session) giveBack() {
	s.mu.Lock()
	s.crowd = crowd{most: len(s.open)}
	if len(s.open) == 0 {
		s.open = map[*link]struct{}{} // it never shrinks
	}
	s.mu.Unlock()
	splice.Drop()
	quick.GiveBack()
}
