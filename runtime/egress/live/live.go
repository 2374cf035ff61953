package live

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jailed-claude/jailed-claude/spec/network"
)

const (
	// patience is how long a connection waits for an answer.
	patience = time.Minute
	// maxWaiting destinations wait at a time: a program cannot ask for ever.
	maxWaiting = 16
	// maxAdded rules come while a jail runs.
	maxAdded = 1000
)

// Rules are those of one jail, now.
type Rules struct {
	config *network.Network
	now    atomic.Pointer[network.Rules]
	// Patience is how long a connection waits; tests have another.
	Patience time.Duration

	mu          sync.Mutex
	allow, deny []string // what the user added
	waiting     map[string]*question
}

// question is one destination, and all connections that wait for it.
type question struct {
	since    time.Time
	count    int
	answered chan struct{} // closed when there are new rules that are about it
}

// New begins with the rules of a configuration.
func New(n *network.Network) *Rules {
	r := &Rules{config: n, Patience: patience, waiting: map[string]*question{}}
	r.now.Store(n.Rules())
	return r
}

// Now are the rules of this moment.
func (r *Rules) Now() *network.Rules { return r.now.Load() }

// Added are the rules that the user added.
func (r *Rules) Added() (allow, deny []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.allow), slices.Clone(r.deny)
}

// Allow adds rules of "allow": all, or none with an error. What was denied by the
// same words is denied no longer.
func (r *Rules) Allow(rules []string) error {
	if r.config.Mode == network.None {
		return fmt.Errorf("the network mode of this jail is %q", network.None)
	}
	for _, s := range rules {
		rule, err := network.ParseRule(s)
		if err != nil {
			return err
		}
		if !r.config.MayAllow(rule) {
			return fmt.Errorf("%q: the policy of the machine set network.allow when this jail started, and leaves none to add", s)
		}
		if d, ok := r.config.Rules().Bars(rule); ok {
			return fmt.Errorf("%q: the policy denies it (%q), whatever allows it", s, d)
		}
	}
	return r.change(func() {
		r.deny = slices.DeleteFunc(r.deny, func(d string) bool { return slices.Contains(rules, d) })
		r.allow = add(r.allow, rules)
	})
}

// Deny adds rules of "deny", and takes back what was allowed by the same words.
func (r *Rules) Deny(rules []string) error {
	for _, s := range rules {
		if _, err := network.ParseDeny(s); err != nil {
			return err
		}
	}
	return r.change(func() {
		r.allow = slices.DeleteFunc(r.allow, func(a string) bool { return slices.Contains(rules, a) })
		r.deny = add(r.deny, rules)
	})
}

func add(list, more []string) []string {
	for _, m := range more {
		if !slices.Contains(list, m) {
			list = append(list, m)
		}
	}
	return list
}

// change makes new rules, and has those who wait look at them.
func (r *Rules) change(do func()) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	allow, deny := slices.Clone(r.allow), slices.Clone(r.deny)
	do()
	if len(r.allow)+len(r.deny) > maxAdded {
		r.allow, r.deny = allow, deny
		return errors.New("too many rules were added to this jail: start it again")
	}
	now, err := r.config.Rules().With(r.allow, r.deny)
	if err != nil {
		r.allow, r.deny = allow, deny
		return err
	}
	r.now.Store(now)
	for _, q := range r.waiting {
		close(q.answered)
		q.answered = make(chan struct{})
	}
	return nil
}

// Connect is what the rules say about a port of a normal name, or of an address.
// Where they say nothing of it and the configuration asks, it waits for the user
// to say something, and tells asked before it does.
func (r *Rules) Connect(ctx context.Context, destination string, decide func(*network.Rules) network.Verdict, asked func()) network.Verdict {
	v := decide(r.Now())
	if v.OK || !r.config.Ask || strings.HasPrefix(v.Rule, "deny ") {
		return v
	}
	q, answered := r.ask(destination)
	if q == nil {
		v.Why += "; too many destinations wait for an answer"
		return v
	}
	defer r.asked(destination, q)
	asked()
	ctx, cancel := context.WithTimeout(ctx, r.Patience)
	defer cancel()
	for {
		if v = decide(r.Now()); v.OK || strings.HasPrefix(v.Rule, "deny ") {
			return v
		}
		select {
		case <-answered:
			answered = r.next(q)
		case <-ctx.Done():
			v.Why += ", and nobody answered"
			return v
		}
	}
}

func (r *Rules) ask(destination string) (*question, chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	q := r.waiting[destination]
	if q == nil {
		if len(r.waiting) >= maxWaiting {
			return nil, nil
		}
		q = &question{since: time.Now(), answered: make(chan struct{})}
		r.waiting[destination] = q
	}
	q.count++
	return q, q.answered
}

func (r *Rules) next(q *question) chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	return q.answered
}

func (r *Rules) asked(destination string, q *question) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if q.count--; q.count == 0 {
		delete(r.waiting, destination)
	}
}

// Waiting are the destinations that wait for an answer, as a rule would have
// them, the oldest first.
func (r *Rules) Waiting() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	names := make([]string, 0, len(r.waiting))
	for name := range r.waiting {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int { return r.waiting[a].since.Compare(r.waiting[b].since) })
	return names
}
