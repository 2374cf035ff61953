package compare

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

	"github.com/jailed-claude/jailed-claude/spec/contract"
	"github.com/jailed-claude/jailed-claude/spec/network"
	"github.com/jailed-claude/jailed-claude/spec/policy/change"
)

// errNoConfig is returned by Configs for what is no config.json.
var errNoConfig = errors.New("no config.json")

// Configs returns how one config.json differs from another, what widens the
// jail first; portable ones count too. Values of variables are compared and not
// returned.
//
// A mount widens if it shows something of the host that was not there before,
// or makes it writable: a read-only mount inside the writable project does not.
// In doubt a change widens, and so does every field that this function does not
// know. What it looks at are the two files alone.
func Configs(a, b []byte) ([]change.Change, error) {
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
		c := change.Change{Key: id.key, Element: id.element, Widens: m.widens(x, y, had, has), Why: m.narrower}
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
	change.Sort(changes)
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

// config is what Configs knows of one file.
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
		return nil, fmt.Errorf("%w: %w", errNoConfig, err)
	}
	if _, ok := tree["ociVersion"].(string); !ok {
		return nil, fmt.Errorf("%w: it has no ociVersion", errNoConfig)
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
			return nil, fmt.Errorf("%w: mounts: %w", errNoConfig, err)
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
			case "annotations." + contract.LinksAnnotation, "annotations." + contract.RepositoriesAnnotation, "annotations." + contract.NamesAnnotation, "annotations." + contract.ChangesAnnotation, "annotations." + contract.InstructsAnnotation:
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
