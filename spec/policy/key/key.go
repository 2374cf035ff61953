package key

import "github.com/jailed-claude/jailed-claude/spec/policy/fault"

// Type is the type of a key's value, in the words of the documentation.
type Type string

// Types of values.
const (
	// String is a TOML string.
	String Type = "string"
	// Strings is a TOML array of strings.
	Strings Type = "list of strings"
	// Integers is a TOML array of integers.
	Integers Type = "list of integers"
	// Table is a TOML table whose values are strings.
	Table Type = "table of strings"
	// Size is a TOML string that scalar.ParseMemory reads.
	Size Type = "size"
	// Integer is a TOML integer.
	Integer Type = "integer"
	// Number is a TOML integer or float.
	Number Type = "number"
	// Rows is a TOML array of tables, which have Fields.
	Rows Type = "list of tables"
	// Boolean is a TOML boolean.
	Boolean Type = "boolean"
)

// Key is one key of the policy file.
type Key struct {
	// Name is "section.key", or "version".
	Name string
	Type Type
	// Values are the only values of an enumerated key; nil for all others.
	Values []string
	// Default is the value where no layer sets one; empty means: none.
	Default string
	// Text says in one line what the key is for.
	Text string
	// Least and Most bound a number, or each of a list; both are 0 where there
	// are no bounds. Beyond them a kernel refuses it.
	Least, Most float64
	// Tables: the section is written [[section]], once for each of a kind.
	Tables bool
	// Fields are the keys of one table, for Rows; their names are without
	// Name.
	Fields []Key
}

// Wanted says what to write for the key, after the word "write".
func (k Key) Wanted() string {
	switch k.Type {
	case String:
		if len(k.Values) > 0 {
			return fault.Or(k.Values)
		}
		return "a string in quotes"
	case Strings:
		return `a list of strings, as in ["a", "b"]`
	case Integers:
		return "a list of whole numbers, as in [3000, 8080]"
	case Table:
		return `a table of strings, as in { CI = "1" }`
	case Size:
		return `a string in quotes with a unit, as in "8GiB"`
	case Integer:
		return "a whole number without quotes"
	case Boolean:
		return "true or false, without quotes"
	default:
		return "a number without quotes"
	}
}

// TypeName says what a decoded TOML value is. The value itself is left out: it
// may be a secret that belongs elsewhere.
func TypeName(value any) string {
	switch value.(type) {
	case string:
		return "a string"
	case int64:
		return "an integer"
	case float64:
		return "a float"
	case bool:
		return "a boolean"
	case []any:
		return "a list"
	case map[string]any:
		return "a table"
	default:
		return "a date or time"
	}
}
