package change

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Change is one difference between two policies, or two configurations.
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

// Sort puts what widens the jail first and keeps the order of each half.
func Sort(changes []Change) {
	slices.SortStableFunc(changes, func(a, b Change) int {
		switch {
		case a.Widens == b.Widens:
			return 0
		case a.Widens:
			return -1
		}
		return 1
	})
}

// Widens reports whether any of the changes widens the jail.
func Widens(changes []Change) bool {
	return slices.ContainsFunc(changes, func(c Change) bool { return c.Widens })
}

// Direction says which changes of a key widen a jail.
type Direction int

// Directions.
const (
	// Always says that every change may widen. It is the zero value: so does a
	// key that nobody thought of.
	Always Direction = iota
	// Grants is a list: each element is a grant.
	Grants
	// Bars is a list: each element takes something away.
	Bars
	// Ranked values go from the narrowest to the widest.
	Ranked
	// Limit is a number: more is wider, and zero is no limit, or Unset.
	Limit
)

// Meaning is what a change of one key means.
type Meaning struct {
	// Direction says which changes widen the jail.
	Direction Direction
	// Rank of ranked values. One that is not here widens.
	Rank []string
	// Unset is the limit where none is set.
	Unset float64
	// Wider and Narrower say what a change in each direction means.
	Wider, Narrower string
	// Ordered says of a list what its order means; empty if nothing.
	Ordered string
}

// change makes the Change of a key.
func (r Meaning) change(key, element string, from, to *string, widens bool) Change {
	c := Change{Key: key, Element: element, From: from, To: to, Widens: widens, Why: r.Narrower}
	if widens {
		c.Why = cmp.Or(r.Wider, "nothing is known of this key")
	}
	return c
}

// Values compares two values of the key called name, which base and with point
// to: both to a string, a number, a bool, a list or a table.
func (r Meaning) Values(name string, base, with any) []Change {
	switch a := base.(type) {
	case *string:
		return r.strings(name, *a, *with.(*string))
	case *int64:
		return r.numbers(name, float64(*a), float64(*with.(*int64)), strconv.FormatInt(*a, 10), strconv.FormatInt(*with.(*int64), 10))
	case *float64:
		return r.numbers(name, *a, *with.(*float64), number(*a), number(*with.(*float64)))
	case *bool:
		return r.strings(name, strconv.FormatBool(*a), strconv.FormatBool(*with.(*bool)))
	case *[]string:
		return r.lists(name, *a, *with.(*[]string))
	case *[]int64:
		return r.lists(name, texts(*a), texts(*with.(*[]int64)))
	case *map[string]string:
		return r.tables(name, *a, *with.(*map[string]string))
	}
	panic(fmt.Sprintf("change: no comparing for %s, a %T", name, base))
}

func number(n float64) string { return strconv.FormatFloat(n, 'g', -1, 64) }

func texts(list []int64) []string {
	var out []string
	for _, n := range list {
		out = append(out, strconv.FormatInt(n, 10))
	}
	return out
}

func (r Meaning) strings(key, a, b string) []Change {
	if a == b {
		return nil
	}
	from, to := slices.Index(r.Rank, a), slices.Index(r.Rank, b)
	narrows := r.Direction == Ranked && from >= 0 && to >= 0 && to < from
	return []Change{r.change(key, "", some(a), some(b), !narrows)}
}

// some is nil for the empty string, which says nothing.
func some(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func (r Meaning) numbers(key string, a, b float64, from, to string) []Change {
	if a == b {
		return nil
	}
	before, after := cmp.Or(a, r.Unset), cmp.Or(b, r.Unset)
	c := r.change(key, "", nil, nil, !(r.Direction == Limit && after != 0 && (before == 0 || after <= before)))
	if a != 0 {
		c.From = &from
	}
	if b != 0 {
		c.To = &to
	}
	return []Change{c}
}

func (r Meaning) lists(key string, a, b []string) (changes []Change) {
	for _, e := range b {
		if !slices.Contains(a, e) {
			changes = append(changes, r.change(key, e, nil, &e, r.Direction != Bars))
		}
	}
	for _, e := range a {
		if !slices.Contains(b, e) {
			changes = append(changes, r.change(key, e, &e, nil, r.Direction != Grants))
		}
	}
	if r.Ordered != "" && len(changes) == 0 && !slices.Equal(a, b) {
		from, to := strings.Join(a, " "), strings.Join(b, " ")
		c := r.change(key, "", &from, &to, true)
		c.Why = r.Ordered
		changes = append(changes, c)
	}
	return changes
}

func (r Meaning) tables(key string, a, b map[string]string) (changes []Change) {
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
		c := r.change(key, name, nil, nil, r.Direction == Always || r.Direction == Grants && has)
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
