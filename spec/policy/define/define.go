package define

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/jailed-claude/jailed-claude/spec/agent"
	"github.com/jailed-claude/jailed-claude/spec/policy/key"
	"github.com/jailed-claude/jailed-claude/spec/policy/nearest"
	"github.com/jailed-claude/jailed-claude/spec/policy/position"
)

// Section is the key that has the rows.
const Section = "agent.define"

// field is a key of one row, whose name is without that of the section.
type field struct {
	key.Key
	// of returns a pointer to the field, check what is wrong with the string, or
	// with one of the list or table.
	of    func(*agent.Defined) any
	check func(string) string
}

// Keys are those of a row, in the order in which they are documented.
func Keys() (keys []key.Key) {
	for _, f := range fields() {
		keys = append(keys, f.Key)
	}
	return keys
}

func fields() []field {
	return []field{
		{
			Key: key.Key{Name: "name", Type: key.String, Text: "What it is called: `--agent NAME`, `agent.name`, and its hosts are the preset `@NAME`. Small letters, digits and dashes."},
			of:  func(d *agent.Defined) any { return &d.Name }, check: name,
		},
		{
			Key: key.Key{Name: "title", Type: key.String, Text: "Its name for people. `name` by default."},
			of:  func(d *agent.Defined) any { return &d.Title }, check: text,
		},
		{
			Key: key.Key{Name: "programs", Type: key.Strings, Text: "Names on PATH that start it, the usual one first."},
			of:  func(d *agent.Defined) any { return &d.Programs }, check: program,
		},
		{
			Key: key.Key{Name: "folders", Type: key.Strings, Text: "Folders of the home in which it keeps what it knows, `~/.NAME`. Its jails have private ones, a set for each project; `files.write` of yours is refused."},
			of:  func(d *agent.Defined) any { return &d.Folders }, check: folder,
		},
		{
			Key: key.Key{Name: "exec", Type: key.Strings, Text: "Files and folders of a project that its program on the host executes or trusts. They are protected in every jail, and reported if one makes them."},
			of:  func(d *agent.Defined) any { return &d.Exec }, check: exec,
		},
		{
			Key: key.Key{Name: "hosts", Type: key.Strings, Text: "What it calls to work: rules, which `network.allow` has as `@NAME`."},
			of:  func(d *agent.Defined) any { return &d.Hosts }, check: host,
		},
		{
			Key: key.Key{Name: "keys", Type: key.Strings, Text: "Variables of keys that it uses, which stay outside: `ANTHROPIC_API_KEY`, `OPENAI_API_KEY`, `GEMINI_API_KEY`. For other services: `[[broker]]`."},
			of:  func(d *agent.Defined) any { return &d.Keys }, check: keyVariable,
		},
		{
			Key: key.Key{Name: "set", Type: key.Table, Text: "Variables that its jails have. `env` is stronger."},
			of:  func(d *agent.Defined) any { return &d.Set }, check: value,
		},
		{
			Key: key.Key{Name: "sandbox-off", Type: key.Strings, Text: "Arguments that switch off a sandbox of its own, which does not work in a jail."},
			of:  func(d *agent.Defined) any { return &d.SandboxOff }, check: text,
		},
	}
}

// Report notes what is wrong with a key; at are the places, best first.
type Report func(key, problem string, at ...string)

// Decode reads the rows. ok is false after any fault: what is left is checked
// when it is mended.
func Decode(value any, report Report) (rows []agent.Defined, ok bool) {
	list, isList := value.([]any)
	if !isList {
		report(Section, fmt.Sprintf("is %s: write it as [[%s]], once for each", key.TypeName(value), Section), Section)
		return nil, false
	}
	ok = true
	d := decoder{report: func(name, problem string, at ...string) { ok = false; report(name, problem, at...) }}
	for i, v := range list {
		at := position.Element(Section, i)
		table, isTable := v.(map[string]any)
		if !isTable {
			d.report(Section, fmt.Sprintf("element %d is %s: write it as [[%s]]", i+1, key.TypeName(v), Section), at, Section)
			continue
		}
		rows = append(rows, d.row(at, table))
	}
	return rows, ok
}

type decoder struct{ report Report }

func (d decoder) row(at string, table map[string]any) (row agent.Defined) {
	keys := fields()
	for _, name := range slices.Sorted(maps.Keys(table)) {
		i := slices.IndexFunc(keys, func(f field) bool { return f.Name == name })
		if i < 0 {
			d.report(position.Join(Section, name), "unknown key: "+meant(name), position.Join(at, name), at)
			continue
		}
		d.value(keys[i], &row, position.Join(at, name), table[name])
	}
	return row
}

// meant is the key that a wrong one is next to, or all.
func meant(name string) string {
	var names []string
	for _, k := range Keys() {
		names = append(names, k.Name)
	}
	if near := nearest.Of(name, names); near != "" {
		return "did you mean " + near + "?"
	}
	return "[[" + Section + "]] has " + strings.Join(names, ", ")
}

func (d decoder) value(f field, row *agent.Defined, at string, value any) {
	full := position.Join(Section, f.Name)
	wrong := func() {
		d.report(full, fmt.Sprintf("is %s: write %s", key.TypeName(value), f.Wanted()), position.Value(at), at)
	}
	switch to := f.of(row).(type) {
	case *string:
		s, ok := value.(string)
		if !ok {
			wrong()
		}
		*to = s
	case *[]string:
		list, ok := value.([]any)
		if !ok {
			wrong()
		}
		for i, e := range list {
			s, ok := e.(string)
			if !ok {
				d.report(full, fmt.Sprintf("element %d is %s: write a string in quotes", i+1, key.TypeName(e)), position.Element(at, i), at)
			}
			*to = append(*to, s)
		}
	case *map[string]string:
		table, ok := value.(map[string]any)
		if !ok {
			wrong()
		}
		*to = map[string]string{}
		for _, name := range slices.Sorted(maps.Keys(table)) {
			s, ok := table[name].(string)
			if !ok {
				d.report(full, fmt.Sprintf("the value of a variable is %s: write a string in quotes", key.TypeName(table[name])), position.Join(at, name), at)
			}
			(*to)[name] = s
		}
	}
}
