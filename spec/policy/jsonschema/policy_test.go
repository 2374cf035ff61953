package jsonschema

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/pelletier/go-toml/v2"

	"github.com/jailed-claude/jailed-claude/spec/policy"
)

var update = flag.Bool("update", false, "write schema.json")

// TestFile: editors and the Nix side read the copy.
func TestFile(t *testing.T) {
	want, err := Policy()
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile("../schema.json", want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile("../schema.json")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("schema.json is not what the table of keys gives: go generate ./spec/policy")
	}
}

// started is a starter policy.
func started(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../testdata/starter.toml")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// decodedSchema is the schema as a reader of JSON has it.
func decodedSchema(t *testing.T) map[string]any {
	t.Helper()
	text, err := Policy()
	if err != nil {
		t.Fatal(err)
	}
	var s map[string]any
	if err := json.Unmarshal(text, &s); err != nil {
		t.Fatal(err)
	}
	return s
}

// TestKeys: the schema has every key that is read, described as in
// the table, and nothing else.
func TestKeys(t *testing.T) {
	root := decodedSchema(t)
	if root["$schema"] != draft || root["additionalProperties"] != false {
		t.Errorf("the document is %v, with additional properties %v", root["$schema"], root["additionalProperties"])
	}
	left := map[string]bool{}
	for name, s := range root["properties"].(map[string]any) {
		keys := members(s)
		if keys == nil {
			left[name] = true
			continue
		}
		if closed(s) != false {
			t.Errorf("section %s takes any key", name)
		}
		for key := range keys {
			left[name+"."+key] = true
		}
	}
	for _, k := range policy.Keys() {
		if !left[k.Name] {
			t.Errorf("%s is not in the schema", k.Name)
		}
		delete(left, k.Name)
		s := schemaAt(root, k.Name)
		if s["description"] != k.Text {
			t.Errorf("%s is described as %v", k.Name, s["description"])
		}
		if d := s["default"]; d != nil && fmt.Sprint(d) != k.Default || d == nil && k.Default != "" {
			t.Errorf("%s has the default %v, want %q", k.Name, d, k.Default)
		}
		var values []string
		for _, v := range list(s["enum"]) {
			values = append(values, fmt.Sprint(v))
		}
		if !slices.Equal(values, k.Values) {
			t.Errorf("%s has the values %q, want %q", k.Name, values, k.Values)
		}
	}
	for name := range left {
		t.Errorf("there is no key %s", name)
	}
}

// members are the keys of a section, also of one that is written as [[name]];
// nil for what is no section.
func members(s any) map[string]any {
	m := s.(map[string]any)
	if items, ok := m["items"].(map[string]any); ok {
		m = items
	}
	keys, _ := m["properties"].(map[string]any)
	return keys
}

// closed is what a section says of other keys.
func closed(s any) any {
	m := s.(map[string]any)
	if items, ok := m["items"].(map[string]any); ok {
		m = items
	}
	return m["additionalProperties"]
}

// schemaAt is the schema of a key.
func schemaAt(root map[string]any, name string) map[string]any {
	section, key, ok := strings.Cut(name, ".")
	s := root["properties"].(map[string]any)[section]
	if ok {
		s = members(s)[key]
	}
	m, _ := s.(map[string]any)
	return m
}

func list(v any) []any { l, _ := v.([]any); return l }

// TestAgrees: what the schema refuses Parse refuses, and what Parse
// takes the schema takes.
func TestAgrees(t *testing.T) {
	root := decodedSchema(t)
	values := []string{
		`"x"`, `""`, `"8GiB"`, `"8G"`, `"0"`, `"007MB"`, `"1.5GiB"`, "1", "0", "-1", "4194304", "4194305", "1.5", "0.001", "9000.5",
		`"codex"`, "true", "[]", `["a"]`, "[1]", `["a", 1]`, "[8080]", "{}", `{ A = "b" }`, "{ A = 1 }", "[[]]", "[{}]", `[{ zzz = 1 }]`,
	}
	var documents []string
	for _, k := range policy.Keys() {
		head := ""
		if k.Name != "version" {
			head = "version = 1\n"
		}
		for _, v := range slices.Concat(values, quoteAll(k.Values)) {
			documents = append(documents, fmt.Sprintf("%s%s = %s\n", head, k.Name, v))
		}
	}
	documents = append(documents, "", "version = 1\n", "version = 2\n", "version = 1\nfoo = 1\n", "version = 1\n[foo]\n",
		"version = 1\nfiles = 1\n", "version = 1\n[files]\nreed = []\n", "version = 1\n[network]\nMode = \"none\"\n", started(t))
	const broker = "version = 1\n[[broker]]\nname = \"a\"\nheader = \"X\"\nfrom = \"env:A\"\n"
	documents = append(documents, broker, broker+"upstream = \"https://a.com\"\n", broker+"upstream = \"https://a.com\"\npaths = [\"/\"]\nzzz = 1\n",
		broker+"upstream = 1\n", "version = 1\n[broker]\n", "version = 1\nbroker = []\n", "version = 1\nbroker = [1]\n", "version = 1\nnetwork.ports = [0]\n")
	const define = "version = 1\n[[agent.define]]\nname = \"a\"\n"
	documents = append(documents, define, define+"programs = [\"a\"]\nset = { A = \"b\" }\n", define+"programs = 1\n", define+"programs = [1]\n", define+"set = { A = 1 }\n", define+"zzz = 1\n")
	taken := map[string]bool{}
	for _, text := range documents {
		_, err := policy.Parse("p.toml", []byte(text))
		problem := refusal(root, decodedTOML(t, text))
		switch {
		case err == nil && problem != "":
			t.Errorf("Parse takes it, the schema says %s:\n%s", problem, text)
		case err == nil:
			for _, k := range policy.Keys() {
				if strings.Contains(text, k.Name+" =") {
					taken[k.Name] = true
				}
			}
		case problem == "" && !beyondSchema(err.Error()):
			t.Errorf("the schema takes it, Parse says %v:\n%s", err, text)
		}
	}
	for _, k := range policy.Keys() {
		if !taken[k.Name] && members(root["properties"].(map[string]any)[strings.SplitN(k.Name, ".", 2)[0]]) != nil &&
			!tablesSection(root, k.Name) {
			t.Errorf("no value of %s was taken: the test tells nothing", k.Name)
		}
	}
}

// tablesSection: the key is one of a [[section]], which "section.key = value"
// does not set.
func tablesSection(root map[string]any, name string) bool {
	section, _, _ := strings.Cut(name, ".")
	s, _ := root["properties"].(map[string]any)[section].(map[string]any)
	return s["type"] == "array"
}

// beyondSchema: a fault of the value itself, not of its type.
func beyondSchema(problem string) bool {
	return !strings.Contains(problem, "unknown key") && !strings.Contains(problem, "unknown section") &&
		!strings.Contains(problem, ": is a") && !strings.Contains(problem, "is missing")
}

func quoteAll(l []string) (q []string) {
	for _, s := range l {
		q = append(q, fmt.Sprintf("%q", s))
	}
	return q
}

// decodedTOML is a document as a validator of JSON Schema sees it.
func decodedTOML(t *testing.T, text string) any {
	t.Helper()
	document := map[string]any{}
	if err := toml.Unmarshal([]byte(text), &document); err != nil {
		t.Fatalf("%v:\n%s", err, text)
	}
	j, err := json.Marshal(document)
	if err != nil {
		t.Fatal(err)
	}
	var v any
	if err := json.Unmarshal(j, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// refusal is what a schema has against a value; it knows the keywords that
// Policy writes, and fails on others.
func refusal(s map[string]any, v any) string {
	if !ofType(s["type"].(string), v) {
		return fmt.Sprintf("%v is no %v", v, s["type"])
	}
	if enum := list(s["enum"]); enum != nil && !slices.Contains(enum, v) {
		return fmt.Sprintf("%v is none of %v", v, enum)
	}
	switch v := v.(type) {
	case string:
		if p, ok := s["pattern"].(string); ok && !regexp.MustCompile(p).MatchString(v) {
			return fmt.Sprintf("%q does not match %s", v, p)
		}
	case float64:
		if least, ok := s["minimum"].(float64); ok && v < least {
			return fmt.Sprintf("%v is less than %v", v, least)
		}
		if most, ok := s["maximum"].(float64); ok && v > most {
			return fmt.Sprintf("%v is more than %v", v, most)
		}
	case []any:
		for _, e := range v {
			if p := refusal(s["items"].(map[string]any), e); p != "" {
				return p
			}
		}
	case map[string]any:
		return tableRefusal(s, v)
	}
	return ""
}

func tableRefusal(s, v map[string]any) string {
	for _, name := range list(s["required"]) {
		if _, ok := v[name.(string)]; !ok {
			return fmt.Sprintf("%v is missing", name)
		}
	}
	known, _ := s["properties"].(map[string]any)
	for name, e := range v {
		of, ok := known[name].(map[string]any)
		if !ok {
			if of, ok = s["additionalProperties"].(map[string]any); !ok {
				return fmt.Sprintf("%s is unknown", name)
			}
		}
		if p := refusal(of, e); p != "" {
			return name + ": " + p
		}
	}
	return ""
}

func ofType(want string, v any) bool {
	switch v := v.(type) {
	case string:
		return want == "string"
	case bool:
		return want == "boolean"
	case float64:
		return want == "number" || want == "integer" && v == float64(int64(v))
	case []any:
		return want == "array"
	default:
		return want == "object"
	}
}

// TestUnknownType: a type that the schema cannot say is an error, not
// a hole.
func TestUnknownType(t *testing.T) {
	if s, err := schemaOf(policy.Key{Name: "a.b", Type: "list of wishes"}); err == nil {
		t.Errorf("got %+v", s)
	}
}
