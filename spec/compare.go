package spec

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/jailed-claude/jailed-claude/internal/paths"
	"github.com/jailed-claude/jailed-claude/spec/contract"
	"github.com/jailed-claude/jailed-claude/spec/network"
	"github.com/jailed-claude/jailed-claude/spec/policy"
)

// ErrNoConfig is returned by Compare for what is no config.json.
var ErrNoConfig = errors.New("no config.json")

// Compare returns how one config.json differs from another, what widens the
// jail first; portable ones count too. Values of variables are compared and not
// returned.
//
// A mount widens if it shows something of the host that was not there before,
// or makes it writable: a read-only mount inside the writable project does not.
// In doubt a change widens, and so does every field that this function does not
// know. What it looks at are the two files alone.
func Compare(a, b []byte) ([]policy.Change, error) {
	from, err := readConfig(a)
	if err != nil {
		return nil, err
	}
	to, err := readConfig(b)
	if err != nil {
		return nil, err
	}
	changes := compareMounts(from.mounts, to.mounts)
	for _, id := range slices.SortedFunc(maps.Keys(union(from.facts, to.facts)), factID.compare) {
		x, had := from.facts[id]
		y, has := to.facts[id]
		if had == has && x == y {
			continue
		}
		m := meaningOf(id)
		if id.key == watchedKey && !contract.ShownAt(to.mounts, id.element).Writable {
			m.widens = never // it cannot appear
		}
		if from.facts[modeID] == network.Host && strings.HasPrefix(id.key, "network.") && id.key != brokerKey {
			m.widens = never // it had all of that
		}
		c := policy.Change{Key: id.key, Element: id.element, Widens: m.widens(x, y, had, has), Why: m.narrower}
		if c.Widens {
			c.Why = m.wider
		}
		if had {
			c.From = &x
		}
		if has {
			c.To = &y
		}
		if m.secret {
			c.From, c.To = hidden(had, "a value"), hidden(has, "another value")
		}
		changes = append(changes, c)
	}
	slices.SortStableFunc(changes, func(x, y policy.Change) int {
		switch {
		case x.Widens == y.Widens:
			return 0
		case x.Widens:
			return -1
		}
		return 1
	})
	return changes, nil
}

func hidden(there bool, text string) *string {
	if !there {
		return nil
	}
	return &text
}

func union(a, b map[factID]string) map[factID]string {
	all := maps.Clone(a)
	maps.Copy(all, b)
	return all
}

// watchedKey is WatchAnnotation taken apart.
const watchedKey = "watched"

// factID names one thing that a configuration says.
type factID struct{ key, element string }

func (f factID) compare(g factID) int {
	return cmp.Or(cmp.Compare(f.key, g.key), cmp.Compare(f.element, g.element))
}

// config is what Compare knows of one file.
type config struct {
	mounts []specs.Mount
	facts  map[factID]string
}

func describe(m specs.Mount) string {
	return strings.Join([]string{m.Type, strconv.Quote(m.Source), strings.Join(m.Options, ",")}, " ")
}

// readConfig takes a file apart. It is not decoded as a specs.Spec: a portable
// one has text where that has numbers, and fields that Go does not know would
// be lost.
func readConfig(text []byte) (*config, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var tree map[string]any
	if err := d.Decode(&tree); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoConfig, err)
	}
	if _, ok := tree["ociVersion"].(string); !ok {
		return nil, fmt.Errorf("%w: it has no ociVersion", ErrNoConfig)
	}
	c := &config{facts: map[factID]string{}}
	if m, ok := tree["mounts"]; ok {
		// Of a mount nothing else counts.
		var list []struct {
			Destination, Type, Source string
			Options                   []string
		}
		raw, err := json.Marshal(m)
		if err == nil {
			err = json.Unmarshal(raw, &list)
		}
		if err != nil {
			return nil, fmt.Errorf("%w: mounts: %w", ErrNoConfig, err)
		}
		for _, m := range list {
			c.mounts = append(c.mounts, specs.Mount{Destination: m.Destination, Type: m.Type, Source: m.Source, Options: m.Options})
		}
		delete(tree, "mounts")
	}
	c.add("", tree)
	c.mode()
	return c, nil
}

// add notes everything below a value, by its path in the file.
func (c *config) add(at string, v any) {
	switch v := v.(type) {
	case map[string]any:
		for name, sub := range v {
			switch p := strings.TrimPrefix(at+"."+name, "."); p {
			case "annotations." + contract.WatchAnnotation:
				c.watched(sub)
			case "annotations." + contract.NetworkAnnotation:
				c.network(sub)
			case "annotations." + contract.LinksAnnotation, "annotations." + contract.RepositoriesAnnotation:
				// What is reported at the end; nothing that is granted.
			default:
				c.add(p, sub)
			}
		}
	case []any:
		c.list(at, v)
	default:
		c.facts[factID{at, ""}] = fmt.Sprint(v)
	}
}

func (c *config) list(at string, list []any) {
	if at == "process.args" {
		var words []string
		for _, w := range list {
			words = append(words, strconv.Quote(fmt.Sprint(w)))
		}
		c.facts[factID{at, ""}] = strings.Join(words, " ")
		return
	}
	for _, e := range list {
		m, _ := e.(map[string]any)
		switch {
		case at == "process.env":
			name, value, _ := strings.Cut(fmt.Sprint(e), "=")
			c.facts[factID{at, name}] = value
		case at == "linux.namespaces" && m != nil:
			path, _ := m["path"].(string)
			c.facts[factID{at, fmt.Sprint(m["type"])}] = cmp.Or(path, "its own")
		case at == "process.rlimits" && m != nil:
			c.facts[factID{at, fmt.Sprint(m["type"])}] = fmt.Sprint(m["soft"], "/", m["hard"])
		case at == "linux.seccomp.syscalls" && m != nil:
			c.syscalls(at, m)
		case m != nil:
			c.facts[factID{at, compact(m)}] = "there"
		default:
			c.facts[factID{at, fmt.Sprint(e)}] = "there"
		}
	}
}

// syscalls notes one rule of a seccomp profile for each of its names.
func (c *config) syscalls(at string, rule map[string]any) {
	action := strings.TrimPrefix(fmt.Sprint(rule["action"]), "SCMP_ACT_")
	if n, ok := rule["errnoRet"]; ok {
		action += " " + fmt.Sprint(n)
	}
	if args, ok := rule["args"]; ok {
		action += " if " + compact(args)
	}
	names, _ := rule["names"].([]any)
	for _, n := range names {
		c.facts[factID{at, fmt.Sprint(n, ": ", action)}] = "there"
	}
}

func (c *config) watched(v any) {
	text, _ := v.(string)
	var paths map[string]string
	if json.Unmarshal([]byte(text), &paths) != nil {
		c.facts[factID{watchedKey, ""}] = text
		return
	}
	for p, why := range paths {
		c.facts[factID{watchedKey, p}] = why
	}
}

// compact is JSON with sorted keys.
func compact(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(text)
}

// meaning is what a change of one fact means. widens is told the values and
// whether there are any.
type meaning struct {
	widens          func(from, to string, had, has bool) bool
	wider, narrower string
	secret          bool
}

func always(_, _ string, _, _ bool) bool  { return true }
func never(_, _ string, _, _ bool) bool   { return false }
func added(_, _ string, _, has bool) bool { return has }
func taken(_, _ string, had, _ bool) bool { return had }

// lifted: a limit is higher or gone. What is no number is a limit nobody knows.
func lifted(from, to string, had, has bool) bool {
	if !has {
		return true
	}
	x, y := strings.Split(from, "/"), strings.Split(to, "/")
	for i := range y {
		n, err := strconv.ParseInt(y[i], 10, 64)
		if err != nil || n < 0 {
			return true
		}
		if !had {
			continue
		}
		if i >= len(x) {
			return true
		}
		if was, err := strconv.ParseInt(x[i], 10, 64); err != nil || was >= 0 && n > was {
			return true
		}
	}
	return false
}

func meaningOf(id factID) meaning {
	switch id.key {
	case "hostname", "ociVersion", "process.terminal", "process.cwd":
		return meaning{widens: never, narrower: "nothing is granted by it"}
	case "process.args":
		return meaning{widens: always, wider: "another program, other arguments, or another identity"}
	case "process.env":
		return meaning{widens: added, wider: "a variable can change what programs do, and which ones", narrower: "it is not set", secret: true}
	case "process.noNewPrivileges", "root.readonly":
		return meaning{widens: func(_, to string, _, _ bool) bool { return to != "true" }, wider: "a protection is off", narrower: "a protection is on"}
	case "process.rlimits", "linux.resources.memory.limit", "linux.resources.memory.swap", "linux.resources.pids.limit", "linux.resources.cpu.quota":
		return meaning{widens: lifted, wider: "more of this machine", narrower: "less of this machine"}
	case "linux.namespaces":
		return meaning{widens: func(_, to string, _, has bool) bool { return !has || to != "its own" },
			wider: "shared with the host or somebody else", narrower: "the jail's own"}
	case "network.mode":
		return meaning{widens: func(from, to string, _, _ bool) bool { return !narrower(from, to) },
			wider: "the jail reaches more of the network", narrower: "the jail reaches less of the network"}
	case "network.allow":
		return meaning{widens: added, wider: "the jail reaches it", narrower: "the jail does not reach it"}
	case "network.deny":
		return meaning{widens: taken, wider: "the jail may reach it", narrower: "the jail does not reach it, whatever allows it"}
	case "network.ports":
		return meaning{widens: added, wider: "the host reaches this port of the jail", narrower: "the host does not reach this port"}
	case "network.tls":
		return meaning{widens: added, wider: "an allowed name can stand for another one of the same provider", narrower: "TLS names the server that was allowed"}
	case "network.via":
		return meaning{widens: always, wider: "other programs reach the network, by other means"}
	case brokerKey:
		return meaning{widens: added, wider: "what from names goes to the upstream, and the jail uses it there", narrower: "the jail has no use of this key"}
	case "hooks.createRuntime", "hooks.createContainer", "hooks.poststop":
		return meaning{widens: added, wider: "the runtime executes it outside of the jail", narrower: "nothing is executed outside of the jail"}
	case "linux.maskedPaths":
		return meaning{widens: taken, wider: "it can be seen", narrower: "it cannot be seen"}
	case "linux.readonlyPaths":
		return meaning{widens: taken, wider: "it can be changed", narrower: "it cannot be changed"}
	case "annotations." + contract.TerminalAnnotation:
		return meaning{widens: added, wider: "the jail chooses what you paste next", narrower: "your clipboard is out of the jail's reach"}
	case watchedKey:
		return meaning{widens: taken, wider: "nobody is told when it appears", narrower: "it cannot appear, or is reported"}
	case "portable.hide", "portable.protect":
		return meaning{widens: taken, wider: "the pattern is gone", narrower: "the pattern holds"}
	case "linux.seccomp.syscalls":
		_, action, _ := strings.Cut(id.element, ": ")
		if strings.HasPrefix(action, "ERRNO") || strings.HasPrefix(action, "KILL") {
			return meaning{widens: taken, wider: "not refused by this rule", narrower: "refused"}
		}
		return meaning{widens: added, wider: "the kernel does it", narrower: "not allowed by this rule"}
	}
	if strings.HasPrefix(id.key, "process.capabilities.") {
		return meaning{widens: added, wider: "a privilege", narrower: "a privilege less"}
	}
	return meaning{widens: always, wider: "what it means is not known here"}
}

// compareMounts compares what the mounts show at each of their destinations.
func compareMounts(a, b []specs.Mount) (changes []policy.Change) {
	last := func(list []specs.Mount, dest string) *string {
		var text *string
		for _, m := range list {
			if m.Destination == dest {
				s := describe(m)
				text = &s
			}
		}
		return text
	}
	var places []string
	for _, m := range slices.Concat(a, b) {
		places = append(places, m.Destination)
	}
	slices.SortFunc(places, paths.Compare)
	for _, p := range slices.Compact(places) {
		x, y := contract.ShownAt(a, p), contract.ShownAt(b, p)
		from, to := last(a, p), last(b, p)
		if equal(from, to) && x == y {
			continue
		}
		c := policy.Change{Key: "mounts", Element: p, From: from, To: to, Widens: !y.Within(x)}
		switch {
		case equal(from, to):
			f, t := x.String(), y.String()
			c.From, c.To, c.Why = &f, &t, "another mount lies on top of it, or no longer"
		case from != nil && to == nil && y.Writable && !c.Widens:
			// As it is, the folders on the way to what is protected are held.
			c.Widens, c.Why = true, "no mount point any more, so it can be renamed and replaced"
		case !c.Widens:
			c.Why = "nothing more of the host"
		case y.Source != x.Source:
			c.Why = "more of the host is there"
		case y.Writable && !x.Writable:
			c.Why = "it can be changed on the host"
		default:
			c.Why = "weaker options"
		}
		changes = append(changes, c)
	}
	return changes
}

func equal(a, b *string) bool { return a == b || a != nil && b != nil && *a == *b }
