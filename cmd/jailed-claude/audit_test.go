package main

import (
	"bytes"
	"encoding/json"
	"slices"
	"testing"

	"github.com/jailed-claude/jailed-claude/cmd/jailed-claude/cli"
	"github.com/jailed-claude/jailed-claude/runtime/audit"
	"github.com/jailed-claude/jailed-claude/runtime/audit/attack"
)

var findings = []audit.Finding{
	{Attack: "one", Class: "files", Promise: "p1", Result: attack.Result{Verdict: attack.Held, Detail: "EPERM"}},
	{Attack: "two", Class: "files", Promise: "p2", Result: attack.Result{Verdict: attack.GotThrough, Detail: "the \x1b[31msecret"}},
	{Attack: "three", Class: "network", Promise: "p3", Result: attack.Result{Verdict: attack.NotApplicable, Detail: "the host's network"}},
	{Attack: "four", Class: "network", Promise: "p4", Result: attack.Result{Verdict: attack.Failed, Detail: "panic"}},
}

func TestAuditJSON(t *testing.T) {
	var b bytes.Buffer
	if err := cli.PrintJSON(&b, findings); err != nil {
		t.Fatal(err)
	}
	var list []map[string]string
	if err := json.Unmarshal(b.Bytes(), &list); err != nil || len(list) != 4 {
		t.Fatalf("%v: %s", err, b.String())
	}
	if r := list[1]; r["attack"] != "two" || r["promise"] != "p2" || r["result"] != "GOT THROUGH" || r["class"] != "files" || r["detail"] == "" {
		t.Errorf("%v", r)
	}
}

// TestAuditFlags: the jail that is attacked has the flags of the command line.
func TestAuditFlags(t *testing.T) {
	c := newAudit()
	if err := c.ParseFlags([]string{"--net", "none", "--read", "/a,b", "--read=/c", "--env", "X=1, 2", "--nix", "--json", "--against", "env", "--class", "files", "--pids", "24", "--all"}); err != nil {
		t.Fatal(err)
	}
	got := given(c.Flags())
	slices.Sort(got)
	if want := []string{"--env=X=1, 2", "--net=none", "--nix=true", "--pids=24", "--read=/a,b", "--read=/c"}; !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	if err := newShell().ParseFlags(got); err != nil {
		t.Errorf("shell does not take them: %v", err)
	}
}
