package policy

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/jailed-claude/jailed-claude/spec/network"
	"github.com/jailed-claude/jailed-claude/spec/policy/change"
	"github.com/jailed-claude/jailed-claude/spec/policy/key"
	"github.com/jailed-claude/jailed-claude/spec/policy/position"
	"github.com/jailed-claude/jailed-claude/spec/policy/scalar"
)

// brokerSection is the only section that a file writes [[section]].
const brokerSection = "broker"

// brokers decodes [[broker]]. After any fault the layer has none: what is left
// is checked when the fault is mended.
func (d *decoder) brokers(value any) {
	list, ok := value.([]any)
	if !ok {
		d.fault(brokerSection, fmt.Sprintf("is %s: write it as [[%s]], once for each", key.TypeName(value), brokerSection), brokerSection)
		return
	}
	faults := len(d.faults)
	brokers := make([]network.Broker, 0, len(list))
	for i, v := range list {
		at := position.Element(brokerSection, i)
		table, ok := v.(map[string]any)
		if !ok {
			d.fault(brokerSection, fmt.Sprintf("element %d is %s: write it as [[%s]]", i+1, key.TypeName(v), brokerSection), at, brokerSection)
			continue
		}
		brokers = append(brokers, d.broker(at, table))
	}
	if len(d.faults) == faults {
		d.layer.Brokers = brokers
	}
}

// broker decodes one, which is at at.
func (d *decoder) broker(at string, table map[string]any) (b network.Broker) {
	for _, name := range slices.Sorted(maps.Keys(table)) {
		r, ok := findRow(brokerSection + "." + name)
		if !ok {
			d.fault(position.Join(brokerSection, name), "unknown key: "+known().For(brokerSection, name), position.Join(at, name), at, brokerSection)
			continue
		}
		d.brokerKey(r, &b, position.Join(at, name), table[name])
	}
	return b.Complete()
}

func (d *decoder) brokerKey(r row, b *network.Broker, at string, value any) {
	mismatch := fmt.Sprintf("is %s: write %s", key.TypeName(value), r.Wanted())
	switch field := r.broker(b).(type) {
	case *string:
		s, ok := value.(string)
		if !ok {
			d.fault(r.Name, mismatch, position.Value(at), at, brokerSection)
		}
		*field = s
	case *[]string:
		list, ok := value.([]any)
		if !ok {
			d.fault(r.Name, mismatch, position.Value(at), at, brokerSection)
		}
		*field = d.stringList(r.Name, at, list)
	}
}

// brokers checks those of a layer, however they were made.
func (c *checker) brokers() {
	names := map[string]bool{}
	for i, b := range c.layer.Brokers {
		at := position.Element(brokerSection, i)
		for _, r := range rows() {
			if !r.Tables {
				continue
			}
			_, name, _ := strings.Cut(r.Name, ".")
			if problem := brokerProblem(r, &b); problem != "" {
				c.fault(r.Name, problem, position.Value(position.Join(at, name)), position.Join(at, name), at, brokerSection)
			}
		}
		if err := b.Check(); err != nil {
			c.fault(brokerSection, strings.TrimPrefix(err.Error(), brokerSection+" "), at, brokerSection)
			continue
		}
		if names[b.Name] {
			c.fault(brokerSection, fmt.Sprintf("%q: there are two of this name: take one of them out", b.Name), at, brokerSection)
		}
		names[b.Name] = true
		if kind, _, _ := strings.Cut(b.From, ":"); c.layer.project && kind != "env" && b.From != "" {
			does := map[string]string{"command": "runs a program", "file": "reads a file", "login": "uses a login", "aws": "uses keys of AWS"}[kind]
			c.fault("broker.from", fmt.Sprintf("%q %s of this host, which the policy of a project cannot make it do: "+
				"write this broker in your own policy, ~/.config/jailed-claude/config.toml", b.From, does),
				position.Value(position.Join(at, "from")), at, brokerSection)
		}
	}
}

// brokerProblem is what is wrong with one value that no broker may have,
// whatever it means.
func brokerProblem(r row, b *network.Broker) string {
	switch v := r.broker(b).(type) {
	case *string:
		if *v == "" {
			return "" // missing, or optional: for Check
		}
		if r.Name == "broker.env" || r.Name == "broker.url-env" {
			problem := scalar.EnvName(*v)
			if problem != "" && scalar.IsEnvName(*v) {
				problem = *v + " " + problem
			}
			return problem
		}
		return scalar.Text(*v)
	case *[]string:
		for _, s := range *v {
			if problem := scalar.Text(s); problem != "" {
				return problem
			}
		}
	}
	return ""
}

// applyBrokers: a broker of a stronger layer replaces that of a weaker one of
// the same name, as a whole and in its place.
func (p *Policy) applyBrokers(l *Layer) {
	for _, b := range l.Brokers {
		b.Paths, b.Allow, b.Upgrade = slices.Clone(b.Paths), slices.Clone(b.Allow), slices.Clone(b.Upgrade)
		p.Origins[originKey(brokerSection, b.Name)] = l.Name
		if i := slices.IndexFunc(p.Brokers, func(o network.Broker) bool { return o.Name == b.Name }); i >= 0 {
			p.Brokers[i] = b
		} else {
			p.Brokers = append(p.Brokers, b)
		}
	}
}

// compareBrokers: a broker is a grant, and any change to one is.
func compareBrokers(a, b []network.Broker) (changes []change.Change) {
	find := func(list []network.Broker, name string) *string {
		for _, o := range list {
			if o.Name == name {
				return new(brokerText(o))
			}
		}
		return nil
	}
	for _, o := range b {
		from, to := find(a, o.Name), find(b, o.Name)
		if from == nil || *from != *to {
			why := fmt.Sprintf("the secret of %q goes to %q, and the jail uses it there", o.From, o.Upstream)
			if o.From == "" {
				why = fmt.Sprintf("the jail reaches %q by these rules", o.Upstream)
			}
			changes = append(changes, change.Change{Key: brokerSection, Element: o.Name, From: from, To: to, Widens: true, Why: why})
		}
	}
	for _, o := range a {
		if to := find(b, o.Name); to == nil {
			changes = append(changes, change.Change{Key: brokerSection, Element: o.Name, From: find(a, o.Name), Why: "the jail has no use of this service"})
		}
	}
	return changes
}

// brokerText is all that a broker says, on one line.
func brokerText(b network.Broker) string {
	var parts []string
	for _, r := range rows() {
		if !r.Tables {
			continue
		}
		_, name, _ := strings.Cut(r.Name, ".")
		switch v := r.broker(&b).(type) {
		case *string:
			if *v != "" {
				parts = append(parts, name+"="+*v)
			}
		case *[]string:
			if len(*v) > 0 {
				parts = append(parts, fmt.Sprintf("%s=%q", name, *v))
			}
		}
	}
	return strings.Join(parts, " ")
}
