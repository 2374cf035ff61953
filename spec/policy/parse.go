package policy

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"github.com/jailed-claude/jailed-claude/internal/show"
	"github.com/jailed-claude/jailed-claude/spec/agent"
	"github.com/jailed-claude/jailed-claude/spec/policy/define"
	"github.com/jailed-claude/jailed-claude/spec/policy/key"
	"github.com/jailed-claude/jailed-claude/spec/policy/position"
	"github.com/jailed-claude/jailed-claude/spec/policy/scalar"
)

// maxSize bounds what Parse reads. A project's policy comes from whoever wrote
// the project, and no honest one is near this.
const maxSize = 1 << 20

// Parse reads one policy file. name is how the user would write the file's
// path; it begins every error and is the Name of the layer.
//
// Everything in the file must be known and valid. Parse returns all faults
// together, as Errors; only where the file is no TOML, or of another version,
// the first one hides the rest. An element of a wrong type hides what else may
// be wrong with its list.
func Parse(name string, data []byte) (*Layer, error) { return parse(name, data, false) }

// ParseProject is Parse for the file that came with a project. What would make
// the host read a file or run a program is refused in it.
func ParseProject(name string, data []byte) (*Layer, error) { return parse(name, data, true) }

func parse(name string, data []byte, project bool) (*Layer, error) {
	if len(data) > maxSize {
		return nil, Errors{{Layer: name, Problem: fmt.Sprintf("a policy of %d bytes is not read: the limit is %d", len(data), maxSize)}}
	}
	document := map[string]any{}
	if err := toml.Unmarshal(data, &document); err != nil {
		return nil, Errors{syntaxError(name, err)}
	}

	d := decoder{report{layer: &Layer{Name: name, project: project, pos: position.Read(data)}}}
	if !d.version(document["version"]) {
		return nil, d.faults
	}
	delete(document, "version")
	for _, section := range slices.Sorted(maps.Keys(document)) {
		if section == brokerSection {
			d.brokers(document[section])
		} else {
			d.section(section, document[section])
		}
	}
	faults := append(d.faults, check(d.layer, d.layer.Agent.Define)...)
	if len(faults) > 0 {
		return nil, faults.Sorted()
	}
	n := d.layer.Network
	d.layer.allow, d.layer.deny = slices.Clone(n.Allow), slices.Clone(n.Deny)
	return d.layer, nil
}

// syntaxError turns an error of go-toml into ours.
func syntaxError(name string, err error) *Error {
	e := &Error{Layer: name, Problem: strings.TrimPrefix(err.Error(), "toml: ")}
	if at := (*toml.DecodeError)(nil); errors.As(err, &at) {
		e.Line, e.Column = at.Position()
	}
	// The text may hold what the file holds: the name of a key, which can be
	// any characters, and a number that does not fit.
	if strings.Contains(e.Problem, "strconv.") {
		e.Problem = "this number is out of range"
	}
	e.Problem = show.Escape(e.Problem)
	return e
}

// decoder moves values from a decoded document into a layer, and collects what
// does not fit. Whether values make sense is for check.
type decoder struct{ report }

// version reports whether the rest of the file can be read.
func (d *decoder) version(value any) bool {
	if value == nil {
		d.fault("version", fmt.Sprintf("is missing: write version = %d as the first line", Version))
		d.faults[0].Line, d.faults[0].Column = 1, 1
		return true
	}
	n, ok := value.(int64)
	if !ok {
		d.fault("version", fmt.Sprintf("is %s: write version = %d", key.TypeName(value), Version), position.Value("version"), "version")
		return false
	}
	if n != Version {
		d.fault("version", fmt.Sprintf("this release reads version %d only, not %d", Version, n), position.Value("version"))
		return false
	}
	return true
}

func (d *decoder) section(name string, value any) {
	at := position.Join("", name)
	if !slices.Contains(known().Sections(), name) {
		d.fault(at, fmt.Sprintf("unknown %s: %s", kindOf(value), known().For(name)), at)
		return
	}
	table, ok := value.(map[string]any)
	if !ok {
		d.fault(at, fmt.Sprintf("is %s: write it as a section, [%s]", key.TypeName(value), name), at)
		return
	}
	for _, key := range slices.Sorted(maps.Keys(table)) {
		d.key(name, key, table[key])
	}
}

// kindOf says what an unknown name at the top looks like.
func kindOf(value any) string {
	if _, ok := value.(map[string]any); ok {
		return "section"
	}
	return "key"
}

func (d *decoder) key(section, name string, value any) {
	at := position.Join(section, name)
	r, ok := findRow(section + "." + name)
	switch {
	case !ok:
		d.fault(at, "unknown key: "+known().For(section, name), at)
	case r.own && d.layer.project:
		d.fault(at, "is not for the policy of a project: write it in your own, ~/.config/jailed-claude/config.toml", at)
	default:
		if problem := d.store(r, value); problem != "" {
			d.fault(at, problem, position.Value(at), at)
		}
	}
}

// store puts value into the field of r and returns what is wrong with its
// type. Faults of single elements are noted where they are.
func (d *decoder) store(r row, value any) string {
	mismatch := fmt.Sprintf("is %s: write %s", key.TypeName(value), r.Wanted())
	switch field := r.layer(d.layer).(type) {
	case **string:
		s, ok := value.(string)
		if !ok {
			return mismatch
		}
		*field = &s
	case **bool:
		b, ok := value.(bool)
		if !ok {
			return mismatch
		}
		*field = &b
	case *[]string:
		list, ok := value.([]any)
		if !ok {
			return mismatch
		}
		*field = d.stringList(r.Name, r.Name, list)
	case *[]int64:
		list, ok := value.([]any)
		if !ok {
			return mismatch
		}
		*field = d.integerList(r, list)
	case *map[string]string:
		table, ok := value.(map[string]any)
		if !ok {
			return mismatch
		}
		*field = d.stringTable(r, table)
	case *[]agent.Defined:
		if rows, ok := define.Decode(value, d.fault); ok {
			*field = rows
		}
	case **int64:
		return storeInteger(r, field, value, mismatch)
	case **float64:
		switch n := value.(type) {
		case float64:
			*field = &n
		case int64:
			*field = new(float64(n))
		default:
			return mismatch
		}
	default:
		panic(fmt.Sprintf("policy: no decoding for %s, a %T", r.Name, field))
	}
	return ""
}

func storeInteger(r row, field **int64, value any, mismatch string) string {
	if r.Type == key.Size {
		s, ok := value.(string)
		if !ok {
			return mismatch
		}
		n, err := scalar.ParseMemory(s)
		if err != nil {
			return err.Error()
		}
		*field = &n
		return ""
	}
	n, ok := value.(int64)
	if !ok {
		return mismatch
	}
	*field = &n
	return ""
}

func (d *decoder) stringList(name, at string, list []any) []string {
	return elements[string](d, name, at, list, "a string in quotes")
}

func (d *decoder) integerList(r row, list []any) []int64 {
	return elements[int64](d, r.Name, r.Name, list, "a whole number without quotes")
}

// elements are those of the list of a key, which is at at.
func elements[T any](d *decoder, name, at string, list []any, want string) []T {
	out := make([]T, 0, len(list))
	for i, element := range list {
		e, ok := element.(T)
		if !ok {
			d.fault(name, fmt.Sprintf("element %d is %s: write %s", i+1, key.TypeName(element), want), position.Element(at, i), at)
			continue
		}
		out = append(out, e)
	}
	if len(out) < len(list) {
		// The places of the elements have shifted; what is left is checked
		// when this fault is mended.
		return nil
	}
	return out
}

func (d *decoder) stringTable(r row, table map[string]any) map[string]string {
	out := make(map[string]string, len(table))
	for _, name := range slices.Sorted(maps.Keys(table)) {
		s, ok := table[name].(string)
		if !ok {
			at := position.Join(r.Name, name)
			d.fault(at, fmt.Sprintf("is %s: write a string in quotes", key.TypeName(table[name])), position.Value(at), at)
			continue
		}
		out[name] = s
	}
	return out
}
