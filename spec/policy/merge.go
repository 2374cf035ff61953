package policy

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/jailed-claude/jailed-claude/spec/agent"
)

// Merge lays layers over Default, weakest first. A nil layer says nothing and
// is skipped, so that a caller need not ask whether a file exists.
//
// A scalar of a stronger layer replaces that of a weaker one. Lists add up in
// order, without doubles. Env.Set merges by name; so do brokers and agents, each as a whole. A variable is either passed or
// set: the strongest layer that names it decides, and the result never has a
// name in both.
//
// Merge checks all layers, however they were made, and returns all faults
// together, as Errors.
func Merge(layers ...*Layer) (Policy, error) {
	var faults Errors
	own := Defined(layers)
	for i, l := range layers {
		if l == nil {
			continue
		}
		if l.Name == "" {
			faults = append(faults, &Error{Layer: fmt.Sprintf("layer %d", i+1), Problem: "has no name"})
			continue
		}
		faults = append(faults, check(l, own).Sorted()...)
	}
	if err := faults.OrNil(); err != nil {
		return Policy{}, err
	}

	p := Default()
	for _, l := range layers {
		if l != nil {
			p.apply(l)
		}
	}
	return p, nil
}

// apply lays one checked layer over p.
func (p *Policy) apply(l *Layer) {
	for _, r := range rows() {
		if r.layer != nil {
			p.applyKey(r, l)
		}
	}
	p.applyBrokers(l)
	p.settleEnv(l)
}

func (p *Policy) applyKey(r row, l *Layer) {
	switch from := r.layer(l).(type) {
	case **string:
		replace(p, r, l.Name, *from)
	case **int64:
		replace(p, r, l.Name, *from)
	case **float64:
		replace(p, r, l.Name, *from)
	case **bool:
		replace(p, r, l.Name, *from)
	case *[]string:
		add(p, r, l.Name, *from)
	case *[]int64:
		add(p, r, l.Name, *from)
	case *[]agent.Defined:
		p.applyDefined(l)
	case *map[string]string:
		to := r.policy(p).(*map[string]string)
		for name, value := range *from {
			if old, ok := (*to)[name]; ok && old == value {
				continue
			}
			if *to == nil {
				*to = map[string]string{}
			}
			(*to)[name] = value
			p.Origins[originKey(r.Name, name)] = l.Name
		}
	default:
		panic(fmt.Sprintf("policy: no merging for %s, a %T", r.Name, from))
	}
}

// replace sets the scalar of r if the layer has one.
func replace[T any](p *Policy, r row, layer string, from *T) {
	if from == nil {
		return
	}
	*r.policy(p).(*T) = *from
	p.Origins[r.Name] = layer
}

// add appends what a list of r has not yet. An empty one is a word of the machine's,
// too: users add nothing.
func add[T comparable](p *Policy, r row, layer string, from []T) {
	if layer == MachineName && from != nil && len(from) == 0 {
		p.Origins[r.Name] = layer
	}
	to := r.policy(p).(*[]T)
	for _, element := range from {
		if !slices.Contains(*to, element) {
			*to = append(*to, element)
			p.Origins[originKey(r.Name, fmt.Sprint(element))] = layer
		}
	}
}

// settleEnv drops what weaker layers said about the variables that l names.
func (p *Policy) settleEnv(l *Layer) {
	for _, name := range l.Env.Pass {
		if _, ok := p.Env.Set[name]; ok {
			delete(p.Env.Set, name)
			delete(p.Origins, originKey("env.set", name))
		}
	}
	for name := range maps.Keys(l.Env.Set) {
		if i := slices.Index(p.Env.Pass, name); i >= 0 {
			p.Env.Pass = slices.Delete(p.Env.Pass, i, i+1)
			delete(p.Origins, originKey("env.pass", name))
		}
	}
}

// SetBy reports whether a layer has a value for a key, be it that a list is empty.
func (p *Policy) SetBy(layer, key string) bool {
	if p.Origins[key] == layer {
		return true
	}
	for k, from := range p.Origins {
		if from == layer && strings.HasPrefix(k, key+"=") {
			return true
		}
	}
	return false
}

// originKey is how Policy.Origins names one element of a list or table.
func originKey(key, element string) string {
	return key + "=" + element
}
