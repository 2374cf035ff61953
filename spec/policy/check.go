package policy

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/jailed-claude/jailed-claude/spec/agent"
	"github.com/jailed-claude/jailed-claude/spec/policy/define"
	"github.com/jailed-claude/jailed-claude/spec/policy/fault"
	"github.com/jailed-claude/jailed-claude/spec/policy/key"
	"github.com/jailed-claude/jailed-claude/spec/policy/position"
	"github.com/jailed-claude/jailed-claude/spec/policy/scalar"
)

// check returns all that is wrong with the values of a layer. Parse and Merge
// both call it: a layer of the command line meets it in Merge. own are the agents
// that it may name besides those that are known.
func check(l *Layer, own []agent.Defined) Errors {
	c := checker{report: report{layer: l}, own: own}
	for _, r := range rows() {
		c.row(r)
	}
	c.network()
	c.brokers()
	define.Check(l.Agent.Define, c.fault)
	c.env()
	return c.faults
}

type checker struct {
	report
	own []agent.Defined
}

// value notes a fault of a scalar.
func (c *checker) value(key, problem string) {
	if problem != "" {
		c.fault(key, problem, position.Value(key), key)
	}
}

// each applies one check to each element of a list.
func (c *checker) each(key string, list []string, check func(string) string) {
	for i, element := range list {
		if problem := check(element); problem != "" {
			c.fault(key, problem, position.Element(key, i), key)
		}
	}
}

// row checks the value of one key by what its row says.
func (c *checker) row(r row) {
	if r.layer == nil {
		return
	}
	switch v := r.layer(c.layer).(type) {
	case **string:
		switch {
		case *v == nil:
		case r.Name == nameKey:
			c.value(r.Name, c.agent(**v))
		case len(r.Values) > 0:
			c.value(r.Name, enumProblem(r, **v))
		case r.check != nil:
			c.value(r.Name, r.check(**v))
		}
	case *[]string:
		if r.check != nil {
			c.each(r.Name, *v, r.check)
		}
	case **int64:
		if *v != nil {
			c.value(r.Name, boundProblem(r, float64(**v), strconv.FormatInt(**v, 10)))
		}
	case **float64:
		if *v != nil {
			c.value(r.Name, boundProblem(r, **v, fmt.Sprint(**v)))
		}
	case *[]int64:
		for i, n := range *v {
			if problem := boundProblem(r, float64(n), strconv.FormatInt(n, 10)); problem != "" {
				c.fault(r.Name, problem, position.Element(r.Name, i), r.Name)
			}
		}
	}
}

// boundProblem is what is wrong with a number, which text is of. The comparison
// is this way round for NaN, which is neither.
func boundProblem(r row, n float64, text string) string {
	switch {
	case r.Most == 0 || n >= r.Least && n <= r.Most:
		return ""
	case r.Type == key.Size:
		return text + " is not positive: leave it out for no limit"
	case r.Type == key.Integers:
		return fmt.Sprintf("%s is no port: write a number from %v to %v", text, r.Least, r.Most)
	}
	return fmt.Sprintf("%s is not from %v to %v: leave it out for no limit", text, r.Least, int64(r.Most))
}

func enumProblem(r row, value string) string {
	switch {
	case slices.Contains(r.Values, value):
		return ""
	}
	return fmt.Sprintf("%q is not known: write %s", value, fault.Or(r.Values))
}

// agent is what is wrong with the name of one.
func (c *checker) agent(name string) string {
	names := agent.Names()
	for _, d := range c.own {
		names = append(names, d.Name)
	}
	if slices.Contains(names, name) {
		return ""
	}
	return fmt.Sprintf("%q is not known: write %s; one of your own is in [[%s]] of your policy", name, fault.Or(names), define.Section)
}

func (c *checker) env() {
	for i, name := range c.layer.Env.Pass {
		if problem := scalar.EnvPass(name); problem != "" {
			subject := fmt.Sprintf("element %d ", i+1)
			if scalar.IsEnvName(name) {
				subject = name + " "
			}
			c.fault("env.pass", subject+problem, position.Element("env.pass", i), "env.pass")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.layer.Env.Set)) {
		at := position.Join("env.set", name)
		if problem := scalar.EnvName(name); problem != "" {
			subject := "a key "
			if scalar.IsEnvName(name) {
				subject = name + " "
			}
			c.fault("env.set", subject+problem, at)
			continue
		}
		if strings.Contains(c.layer.Env.Set[name], "\x00") {
			c.fault(at, "the value has a NUL in it, where the variable would end: write it without", position.Value(at), at)
		}
		if slices.Contains(c.layer.Env.Pass, name) {
			c.fault(at, "is in env.pass too: keep one of them", at)
		}
	}
}
