package jsonschema

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/jailed-claude/jailed-claude/spec/policy"
	"github.com/jailed-claude/jailed-claude/spec/policy/key"
	"github.com/jailed-claude/jailed-claude/spec/policy/scalar"
)

// ID is the "$id" of the schema, and where editors find it.
const ID = "https://raw.githubusercontent.com/jailed-claude/jailed-claude/main/spec/policy/schema.json"

// Policy returns the JSON Schema (draft 2020-12) of the policy file, made
// from the same table as everything else about keys. It is indented, ends with
// a line feed, and equal tables give equal bytes.
//
// What it accepts Parse may still refuse: a schema knows neither what a pattern
// or a store path looks like nor which grants contradict each other. What it
// refuses Parse refuses too.
func Policy() ([]byte, error) {
	root := &Schema{
		Schema: draft, ID: ID,
		Title:       "Policy of jailed-claude",
		Description: "What a jail grants beyond its defaults: .jailed-claude.toml of a project, or config.toml of a user.",
		Type:        "object", Properties: map[string]*Schema{}, Required: []string{"version"}, AdditionalProperties: false,
	}
	for _, k := range policy.Keys() {
		s, err := schemaOf(k)
		if err != nil {
			return nil, err
		}
		section, name, ok := strings.Cut(k.Name, ".")
		if !ok {
			root.Properties[k.Name] = s
			continue
		}
		of := root.Properties[section]
		if of == nil {
			of = &Schema{Type: "object", Properties: map[string]*Schema{}, AdditionalProperties: false}
			if k.Tables {
				of = &Schema{Type: "array", Items: of}
			}
			root.Properties[section] = of
		}
		if k.Tables {
			of = of.Items
		}
		of.Properties[name] = s
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(root); err != nil {
		return nil, fmt.Errorf("encode the schema: %w", err)
	}
	return b.Bytes(), nil
}

// schemaOf is the schema of one key's value.
func schemaOf(k policy.Key) (*Schema, error) {
	s := &Schema{Description: k.Text}
	switch k.Type {
	case key.String:
		s.Type = "string"
	case key.Strings:
		s.Type, s.Items = "array", &Schema{Type: "string"}
	case key.Integers:
		s.Type, s.Items = "array", &Schema{Type: "integer"}
	case key.Table:
		s.Type, s.AdditionalProperties = "object", &Schema{Type: "string"}
	case key.Size:
		s.Type, s.Pattern = "string", sizePattern()
	case key.Integer:
		s.Type = "integer"
	case key.Number:
		s.Type = "number"
	case key.Boolean:
		s.Type = "boolean"
	case key.Rows:
		of := &Schema{Type: "object", Properties: map[string]*Schema{}, AdditionalProperties: false}
		for _, f := range k.Fields {
			field, err := schemaOf(f)
			if err != nil {
				return nil, err
			}
			of.Properties[f.Name] = field
		}
		s.Type, s.Items = "array", of
	default:
		return nil, fmt.Errorf("no JSON Schema for %s, a %s", k.Name, k.Type)
	}
	if k.Most != 0 && k.Type != key.Size {
		of := s
		if s.Items != nil {
			of = s.Items
		}
		of.Minimum, of.Maximum = &k.Least, &k.Most
	}
	for _, v := range k.Values {
		value, err := literal(k.Type, v)
		if err != nil {
			return nil, fmt.Errorf("value of %s: %w", k.Name, err)
		}
		s.Enum = append(s.Enum, value)
	}
	if k.Default != "" {
		value, err := literal(k.Type, k.Default)
		if err != nil {
			return nil, fmt.Errorf("default of %s: %w", k.Name, err)
		}
		s.Default = value
	}
	return s, nil
}

// literal is a value as the table writes it, in the type of its key.
func literal(t key.Type, s string) (any, error) {
	switch t {
	case key.Integer:
		return strconv.ParseInt(s, 10, 64)
	case key.Boolean:
		return strconv.ParseBool(s)
	default:
		return s, nil
	}
}

// sizePattern matches what scalar.ParseMemory reads, but for what is too large. It
// is a regular expression for ECMA-262 (JSON Schema) and POSIX (Nix) alike.
func sizePattern() string {
	units := slices.Sorted(maps.Keys(scalar.MemoryUnits()))
	units = slices.DeleteFunc(units, func(u string) bool { return u == "" })
	return "^[0-9]*[1-9][0-9]*(" + strings.Join(units, "|") + ")?$"
}
