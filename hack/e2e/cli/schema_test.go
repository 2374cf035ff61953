package cli

import (
	"strings"
	"testing"

	"github.com/jailed-claude/jailed-claude/hack/e2e/world"
)

// TestSchema: what "schema" prints is JSON, and "init" names it where editors
// look; jailed-claude itself takes that line for the comment that it is.
func TestSchema(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	var schema struct {
		Schema     string         `json:"$schema"`
		ID         string         `json:"$id"`
		Properties map[string]any `json:"properties"`
	}
	r := w.Run("schema")
	world.Decode(t, r, &schema)
	if r.Status != 0 || schema.Schema != "https://json-schema.org/draft/2020-12/schema" || schema.Properties["network"] == nil {
		t.Errorf("schema: %s", r)
	}
	if r := world.Finish(t, w.Command("init")); r.Status != 0 {
		t.Fatalf("init: %s", r)
	}
	if first, _, _ := strings.Cut(w.Read(policyFile), "\n"); schema.ID == "" || first != "#:schema "+schema.ID {
		t.Errorf("init begins with %q", first)
	}
	if r := w.Bash("true"); r.Status != 0 {
		t.Errorf("a policy with that line: %s", r)
	}
}
