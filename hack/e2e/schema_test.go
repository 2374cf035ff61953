package e2e

import (
	"strings"
	"testing"
)

// TestSchema: what "schema" prints is JSON, and "init" names it where editors
// look; jailed-claude itself takes that line for the comment that it is.
func TestSchema(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var schema struct {
		Schema     string         `json:"$schema"`
		ID         string         `json:"$id"`
		Properties map[string]any `json:"properties"`
	}
	r := w.run("schema")
	decode(t, r, &schema)
	if r.status != 0 || schema.Schema != "https://json-schema.org/draft/2020-12/schema" || schema.Properties["network"] == nil {
		t.Errorf("schema: %s", r)
	}
	if r := finish(t, w.command("init")); r.status != 0 {
		t.Fatalf("init: %s", r)
	}
	if first, _, _ := strings.Cut(w.read(policyFile), "\n"); schema.ID == "" || first != "#:schema "+schema.ID {
		t.Errorf("init begins with %q", first)
	}
	if r := w.bash("true"); r.status != 0 {
		t.Errorf("a policy with that line: %s", r)
	}
}
