package main

import (
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

var update = flag.Bool("update", false, "rewrite what scripts compare with")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"jailed-claude": main, "jailed-gemini": main})
}

// TestScripts: the command line is what the files in testdata/script say. They
// need neither a store nor a jail.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		UpdateScripts:       *update,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Cmds:                map[string]func(*testscript.TestScript, bool, []string){"fails": fails, "try": try},
		Setup: func(e *testscript.Env) error {
			home := filepath.Join(e.WorkDir, "home")
			e.Setenv("HOME", home)
			e.Setenv("PROJECT", filepath.Join(home, "project"))
			e.Setenv("NO_COLOR", "1")
			e.Cd = filepath.Join(home, "project")
			return os.MkdirAll(e.Cd, 0o755)
		},
	})
}

// fails STATUS COMMAND ARGS…: the command fails with that exit status, says why,
// prints nothing else, and leaves nothing behind.
func fails(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: fails STATUS COMMAND ARGS…")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	work := ts.Getenv("WORK")
	before, err := tree(work)
	ts.Check(err)
	var exit *exec.ExitError
	switch err := ts.Exec(args[1], args[2:]...); {
	case err == nil:
		ts.Fatalf("it succeeds")
	case !errors.As(err, &exit):
		ts.Fatalf("%v", err)
	case exit.ExitCode() != want:
		ts.Fatalf("exit status %d, not %d", exit.ExitCode(), want)
	}
	if out := ts.ReadFile("stdout"); out != "" {
		ts.Fatalf("stdout is not empty: %q", out)
	}
	if lines := ts.ReadFile("stderr"); len(lines) == 0 {
		ts.Fatalf("it does not say why")
	}
	after, err := tree(work)
	ts.Check(err)
	for _, name := range slices.Sorted(maps.Keys(after)) {
		// What is found of the host's toolchain is kept for the next start.
		if before[name] != after[name] && !strings.Contains(name, "home/.cache") {
			ts.Fatalf("it left behind or changed %s", name)
		}
	}
	for name := range before {
		if _, ok := after[name]; !ok {
			ts.Fatalf("it removed %s", name)
		}
	}
}

// try COMMAND ARGS…: the command succeeds or fails, which depends on the host.
func try(ts *testscript.TestScript, _ bool, args []string) {
	var exit *exec.ExitError
	if err := ts.Exec(args[0], args[1:]...); err != nil && !errors.As(err, &exit) {
		ts.Fatalf("%v", err)
	}
}

// tree says what each file below a folder is.
func tree(dir string) (map[string]string, error) {
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		fi, err := d.Info()
		if err != nil {
			return err
		}
		what := fi.Mode().String()
		if fi.Mode().IsRegular() {
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			what += fmt.Sprintf(" %x", sha256.Sum256(text))
		}
		all[path] = what
		return nil
	})
	return all, err
}
