package policy

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Change is one difference between two policies.
type Change struct {
	// Key is "section.key".
	Key string `json:"key"`
	// Element is the element of a list, or the name in a table; empty for a
	// key with one value.
	Element string `json:"element,omitempty"`
	// From and To are the values before and after; nil where there is none.
	// An element of a list is its own value.
	From *string `json:"from,omitempty"`
	To   *string `json:"to,omitempty"`
	// Widens: the jail may see or do something that it could not before, or
	// its programs may behave otherwise.
	Widens bool `json:"widens"`
	// Why says what the change means.
	Why string `json:"why"`
}

// Compare returns how with differs from base: what widens the jail first, each
// half in the order of Keys.
//
// In doubt a change widens. So a grant that lies inside another one is a grant,
// and any change to a fixed variable is, taking it away included: PATH,
// LD_PRELOAD or NODE_OPTIONS decide what every program in the jail does.
func Compare(base, with Policy) []Change {
	var changes []Change
	for _, r := range rows() {
		if r.policy != nil {
			changes = append(changes, compareKey(r, r.policy(&base), r.policy(&with))...)
		}
	}
	changes = append(changes, compareBrokers(base.Brokers, with.Brokers)...)
	slices.SortStableFunc(changes, func(a, b Change) int {
		switch {
		case a.Widens == b.Widens:
			return 0
		case a.Widens:
			return -1
		}
		return 1
	})
	return changes
}

// Widens reports whether any of the changes widens the jail.
func Widens(changes []Change) bool {
	return slices.ContainsFunc(changes, func(c Change) bool { return c.Widens })
}

// direction says which changes of a key widen a jail.
type direction int

const (
	// always: every change may widen. It is the zero value: so does a key
	// that nobody thought of.
	always direction = iota
	// grants is a list: each element is a grant.
	grants
	// bars is a list: each element takes something away.
	bars
	// ranked values go from the narrowest to the widest.
	ranked
	// limit is a number: more is wider, and zero is no limit.
	limit
)

// meaning is what a change of one key means.
type meaning struct {
	direction
	// rank of ranked values. One that is not here widens.
	rank []string
	// wider and narrower say what a change in each direction means.
	wider, narrower string
	// ordered says of a list what its order means; empty if nothing.
	ordered string
}

// change makes a Change of r's key.
func (r meaning) change(key, element string, from, to *string, widens bool) Change {
	c := Change{Key: key, Element: element, From: from, To: to, Widens: widens, Why: r.narrower}
	if widens {
		c.Why = cmp.Or(r.wider, "nothing is known of this key")
	}
	return c
}

// compareKey compares the fields of one key, which base and with point to.
func compareKey(k row, base, with any) []Change {
	r := k.change
	switch a := base.(type) {
	case *string:
		return r.strings(k.Name, *a, *with.(*string))
	case *int64:
		return r.numbers(k.Name, float64(*a), float64(*with.(*int64)), strconv.FormatInt(*a, 10), strconv.FormatInt(*with.(*int64), 10))
	case *float64:
		return r.numbers(k.Name, *a, *with.(*float64), number(*a), number(*with.(*float64)))
	case *bool:
		return r.strings(k.Name, strconv.FormatBool(*a), strconv.FormatBool(*with.(*bool)))
	case *[]string:
		return r.lists(k.Name, *a, *with.(*[]string))
	case *[]int64:
		return r.lists(k.Name, texts(*a), texts(*with.(*[]int64)))
	case *map[string]string:
		return r.tables(k.Name, *a, *with.(*map[string]string))
	}
	panic(fmt.Sprintf("policy: no comparing for %s, a %T", k.Name, base))
}

func number(n float64) string { return strconv.FormatFloat(n, 'g', -1, 64) }

func texts(list []int64) []string {
	var out []string
	for _, n := range list {
		out = append(out, strconv.FormatInt(n, 10))
	}
	return out
}

func (r meaning) strings(key, a, b string) []Change {
	if a == b {
		return nil
	}
	from, to := slices.Index(r.rank, a), slices.Index(r.rank, b)
	narrows := r.direction == ranked && from >= 0 && to >= 0 && to < from
	return []Change{r.change(key, "", some(a), some(b), !narrows)}
}

// some is nil for the empty string, which says nothing.
func some(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func (r meaning) numbers(key string, a, b float64, from, to string) []Change {
	if a == b {
		return nil
	}
	c := r.change(key, "", nil, nil, !(r.direction == limit && b != 0 && (a == 0 || b < a)))
	if a != 0 {
		c.From = &from
	}
	if b != 0 {
		c.To = &to
	}
	return []Change{c}
}

func (r meaning) lists(key string, a, b []string) (changes []Change) {
	for _, e := range b {
		if !slices.Contains(a, e) {
			changes = append(changes, r.change(key, e, nil, &e, r.direction != bars))
		}
	}
	for _, e := range a {
		if !slices.Contains(b, e) {
			changes = append(changes, r.change(key, e, &e, nil, r.direction != grants))
		}
	}
	if r.ordered != "" && len(changes) == 0 && !slices.Equal(a, b) {
		from, to := strings.Join(a, " "), strings.Join(b, " ")
		c := r.change(key, "", &from, &to, true)
		c.Why = r.ordered
		changes = append(changes, c)
	}
	return changes
}

func (r meaning) tables(key string, a, b map[string]string) (changes []Change) {
	names := maps.Clone(a)
	if names == nil {
		names = map[string]string{}
	}
	maps.Copy(names, b)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		from, had := a[name]
		to, has := b[name]
		if had == has && from == to {
			continue
		}
		c := r.change(key, name, nil, nil, r.direction == always || r.direction == grants && has)
		if had {
			c.From = &from
		}
		if has {
			c.To = &to
		}
		changes = append(changes, c)
	}
	return changes
}
