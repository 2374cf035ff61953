package policy

import (
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/jailed-claude/jailed-claude/spec/network"
	"github.com/jailed-claude/jailed-claude/spec/policy/key"
)

// TestRows holds the table against the structures that it describes.
func TestRows(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range rows() {
		if seen[r.Name] {
			t.Errorf("%s is in the table twice", r.Name)
		}
		seen[r.Name] = true
		if r.Text == "" || r.Type == "" {
			t.Errorf("%s is not described", r.Name)
		}
		if r.Default != "" && r.Type != key.Boolean && !slices.Contains(r.Values, r.Default) {
			t.Errorf("the default of %s is none of its values", r.Name)
		}
		if r.Name == "version" {
			continue
		}
		if r.Tables {
			if r.layer != nil || r.policy != nil || r.broker == nil || r.Default != "" {
				t.Errorf("%s: want a field of a broker alone, and an example where it must be written", r.Name)
			}
			continue
		}
		l, p := &Layer{}, Default()
		layer, policy := reflect.TypeOf(r.layer(l)), reflect.TypeOf(r.policy(&p))
		if layer != policy && layer.Elem() != policy {
			t.Errorf("%s is a %v in a layer and a %v in a policy", r.Name, layer, policy)
		}
		if value := reflect.ValueOf(r.policy(&p)).Elem(); r.Default != "" && fmt.Sprint(value) != r.Default {
			t.Errorf("the default of %s is %q in the table and %q in Default", r.Name, r.Default, value)
		} else if r.Default == "" && !value.IsZero() {
			t.Errorf("the table knows no default of %s, Default has %v", r.Name, value)
		}
	}
}

// TestRowsComplete: a field without a row would never be read nor merged.
func TestRowsComplete(t *testing.T) {
	fields := map[any]string{}
	var p Policy
	sections := reflect.ValueOf(&p).Elem()
	for i := range sections.NumField() {
		section := sections.Field(i)
		if section.Kind() != reflect.Struct {
			continue
		}
		for j := range section.NumField() {
			fields[section.Field(j).Addr().Interface()] = sections.Type().Field(i).Name + "." + section.Type().Field(j).Name
		}
	}
	for _, r := range rows() {
		if r.policy != nil {
			field := r.policy(&p)
			if !strings.EqualFold(fields[field], strings.ReplaceAll(r.Name, "-", "")) {
				t.Errorf("%s leads to the field %s", r.Name, fields[field])
			}
			delete(fields, field)
		}
	}
	for _, name := range fields {
		t.Errorf("no key for the field %s", name)
	}
	// And so for brokers.
	var b network.Broker
	in := map[any]string{}
	for i := range reflect.TypeFor[network.Broker]().NumField() {
		in[reflect.ValueOf(&b).Elem().Field(i).Addr().Interface()] = reflect.TypeFor[network.Broker]().Field(i).Name
	}
	for _, r := range rows() {
		if r.Tables {
			field := r.broker(&b)
			if want := strings.ReplaceAll(strings.TrimPrefix(r.Name, "broker."), "-", ""); !strings.EqualFold(in[field], want) {
				t.Errorf("%s leads to the field %s", r.Name, in[field])
			}
			delete(in, field)
		}
	}
	for _, field := range []any{&b.As, &b.Prefix, &b.Open, &b.Keep, &b.Tokens} { // of brokers that jails get by themselves
		delete(in, field)
	}
	for _, name := range in {
		t.Errorf("no key for the field %s of a broker", name)
	}
}

// TestKeysDocumented compares the tables of docs/policy.md with Keys.
func TestKeysDocumented(t *testing.T) {
	data, err := os.ReadFile("../../docs/policy.md")
	if err != nil {
		t.Fatal(err)
	}
	want := "| key | type | values | default | what it says |\n|---|---|---|---|---|\n"
	for _, k := range Keys() {
		want += fmt.Sprintf("| `%s` | %s | %s | %s | %s |\n", k.Name, k.Type, code(k.Values...), code(k.Default), k.Text)
		for _, f := range k.Fields {
			want += fmt.Sprintf("| `%s.%s` | %s |  |  | %s |\n", k.Name, f.Name, f.Type, f.Text)
		}
	}
	if !strings.Contains(string(data)+"\n", "\n"+want+"\n") {
		t.Errorf("docs/policy.md does not have this table:\n%s", want)
	}
}

// TestDocumentedExample: what users copy must work.
func TestDocumentedExample(t *testing.T) {
	data, err := os.ReadFile("../../docs/policy.md")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for i, block := range strings.Split(string(data), "```") {
		text, ok := strings.CutPrefix(block, "toml\n")
		if i%2 == 0 || !ok {
			continue
		}
		n++
		l, err := Parse("example", []byte(text))
		if err != nil {
			t.Errorf("example %d:\n%v", n, err)
			continue
		}
		if _, err := Merge(l); err != nil {
			t.Errorf("example %d: %v", n, err)
		}
	}
	if n == 0 {
		t.Error("docs/policy.md has no example")
	}
}

func code(values ...string) string {
	var out []string
	for _, v := range values {
		if v != "" {
			out = append(out, "`"+v+"`")
		}
	}
	return strings.Join(out, ", ")
}
