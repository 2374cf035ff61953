package kube

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"testing"

	strict "sigs.k8s.io/yaml"
)

// schema is what a CustomResourceDefinition says of a value, as far as it is
// looked at here.
type schema struct {
	Type                 string            `json:"type"`
	Properties           map[string]schema `json:"properties"`
	AdditionalProperties *schema           `json:"additionalProperties"`
	Items                *schema           `json:"items"`
	Required             []string          `json:"required"`
	Enum                 []any             `json:"enum"`
	Pattern              string            `json:"pattern"`
	IntOrString          bool              `json:"x-kubernetes-int-or-string"`
	PreserveUnknown      bool              `json:"x-kubernetes-preserve-unknown-fields"`
}

// faults are what an API server would refuse or drop of v.
func (s schema) faults(at string, v any) (all []string) {
	bad := func(format string, args ...any) { all = append(all, at+": "+fmt.Sprintf(format, args...)) }
	switch v := v.(type) {
	case map[string]any:
		if s.Type != "object" {
			bad("is an object, and not %q", s.Type)
		}
		for _, r := range s.Required {
			if _, ok := v[r]; !ok {
				bad("%s is missing", r)
			}
		}
		for name, m := range v {
			p, ok := s.Properties[name]
			switch {
			case ok:
				all = append(all, p.faults(at+"."+name, m)...)
			case s.AdditionalProperties != nil:
				all = append(all, s.AdditionalProperties.faults(at+"."+name, m)...)
			case !s.PreserveUnknown:
				bad("%s is not known", name)
			}
		}
	case []any:
		if s.Type != "array" || s.Items == nil {
			bad("is a list, and not %q", s.Type)
			break
		}
		for i, m := range v {
			all = append(all, s.Items.faults(fmt.Sprintf("%s[%d]", at, i), m)...)
		}
	case string:
		if s.Type != "string" && !s.IntOrString {
			bad("is a string, and not %q", s.Type)
		}
		if s.Pattern != "" && !s.IntOrString && !regexp.MustCompile(s.Pattern).MatchString(v) {
			bad("%q does not match %s", v, s.Pattern)
		}
		if len(s.Enum) > 0 && !slices.Contains(s.Enum, any(v)) {
			bad("%q is not one of %v", v, s.Enum)
		}
	case bool:
		if s.Type != "boolean" {
			bad("is a boolean, and not %q", s.Type)
		}
	case float64, int64:
		if s.Type != "integer" && s.Type != "number" && !s.IntOrString {
			bad("is a number, and not %q", s.Type)
		}
	default:
		bad("is %T", v)
	}
	return all
}

// definition reads the schema of one version.
func definition(t *testing.T, variable, version string) schema {
	t.Helper()
	file := os.Getenv(variable)
	if file == "" {
		t.Skip(variable + " is not set: hack/pod.sh fetches the definition")
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var crd struct {
		Spec struct {
			Versions []struct {
				Name   string
				Schema struct{ OpenAPIV3Schema schema }
			}
		}
	}
	if err := strict.Unmarshal(text, &crd); err != nil {
		t.Fatal(err)
	}
	for _, v := range crd.Spec.Versions {
		if v.Name == version {
			s := v.Schema.OpenAPIV3Schema
			s.Properties["metadata"] = schema{Type: "object", PreserveUnknown: true}
			return s
		}
	}
	t.Fatalf("%s has no version %s", file, version)
	return schema{}
}

// TestDefinitions: what is of Cilium and of agent-sandbox is as they define it.
func TestDefinitions(t *testing.T) {
	for kind, d := range map[string]struct{ variable, version string }{
		"CiliumNetworkPolicy": {"CILIUM_CRD", "v2"},
		"Sandbox":             {"SANDBOX_CRD", "v1beta1"},
	} {
		t.Run(kind, func(t *testing.T) {
			s := definition(t, d.variable, d.version)
			found := 0
			for _, f := range files(t) {
				for _, o := range objects(t, f) {
					if o["kind"] != kind {
						continue
					}
					found++
					for _, fault := range s.faults(kind, o) {
						t.Errorf("%s: %s", f, fault)
					}
					o["spec"].(map[string]any)["nothing"] = "x"
					if len(s.faults(kind, o)) == 0 {
						t.Error("a field that nobody knows is not found")
					}
				}
			}
			if found == 0 {
				t.Error("there is none")
			}
		})
	}
}
