package closure

import (
	"context"
	"errors"
	"io/fs"
	"reflect"
	"strings"
	"testing"
)

// TestFromPaths: a closure of known paths is the closure that was resolved.
func TestFromPaths(t *testing.T) {
	n := requireNix(t)
	claude, more := n.world("claude"), n.world("more")
	o := n.options()
	o.Package, o.Packages = claude, []string{more}
	want, requests, err := ResolveRequests(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	if w := []Request{{claude, []string{claude}}, {more, []string{more}}}; !reflect.DeepEqual(requests, w) {
		t.Errorf("requests %q, want %q", requests, w)
	}
	backwards := append([]string{want.Paths[0]}, want.Paths...)
	got, err := FromPaths(backwards, want.Roots, want.Agent)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v (%v)\nwant %+v", got, err, want)
	}
	if got, err := FromPaths([]string{more}, nil, ""); err != nil || got.Agent != "" {
		t.Errorf("without an agent: %+v, %v", got, err)
	}

	const gone = "/nix/store/00000000000000000000000000000000-gone"
	for name, bad := range map[string]struct {
		paths, roots []string
		agent        string
		err          error
	}{
		"missing":               {append([]string{gone}, want.Paths...), want.Roots, want.Agent, errMissing},
		"root elsewhere":        {want.Paths, []string{gone}, want.Agent, errNotInClosure},
		"no store path":         {[]string{"/etc"}, nil, "", errBadPath},
		"dots":                  {[]string{more + "/.."}, nil, "", errBadPath},
		"no such agent":         {want.Paths, want.Roots, claude + "/bin/other", ErrNoProgram},
		"agent is a folder":     {want.Paths, want.Roots, claude + "/bin", fs.ErrPermission},
		"agent outside":         {want.Paths, want.Roots, "/bin/sh", ErrNoProgram},
		"agent leads elsewhere": {want.Paths, want.Roots, claude + "/../../../bin/sh", ErrNoProgram},
	} {
		if c, err := FromPaths(bad.paths, bad.roots, bad.agent); !errors.Is(err, bad.err) {
			t.Errorf("%s: got %+v, %v", name, c, err)
		} else if name == "missing" && !strings.Contains(err.Error(), gone) {
			t.Errorf("the path is not named: %v", err)
		}
	}
}
