package pod

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

// Encode writes what kubectl and podman read: JSON, which is YAML too. Several
// objects are a List for a cluster, and documents of one file for podman, which
// knows no List. Podman 4 has no room for notes in an annotation (63 bytes), and
// gets them as comments.
func (r *Result) Encode(engine string) ([]byte, error) {
	var b bytes.Buffer
	objects := r.Objects
	if len(objects) > 1 && engine == Kubernetes {
		objects = []any{list{typeMeta{"v1", "List"}, objects}}
	}
	if engine == Podman {
		for _, n := range r.Notes {
			b.WriteString(printable("# not carried: " + n.String() + "\n"))
		}
	}
	for i, o := range objects {
		if i > 0 {
			b.WriteString("---\n")
		}
		text, err := encode(o)
		if err != nil {
			return nil, err
		}
		b.WriteString(text)
	}
	return b.Bytes(), nil
}

func encode(v any) (string, error) {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		return "", err
	}
	return printable(b.String()), nil
}

// printable escapes what JSON may have in a string and YAML may not (YAML 1.2,
// 5.1): DEL, and the control characters behind it. Neither is ever outside of a
// string here.
func printable(s string) string {
	bad := func(r rune) bool {
		return r == 0x7f || r >= 0x80 && r < 0xa0 || r == 0xfeff || r == 0xfffe || r == 0xffff
	}
	if !strings.ContainsFunc(s, bad) {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if bad(r) {
			fmt.Fprintf(&b, `\u%04x`, r)
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}
