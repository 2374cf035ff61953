// The number of processors that a cgroup allows is not looked up: each of the
// three processes of a start would read mountinfo for it, which has a line for
// every store path, and a supervisor would look again every second or so.
//
//go:debug containermaxprocs=0
//go:debug updatemaxprocs=0

// Command jailed-claude runs Claude Code, or any other program, in a jail.
//
// Here is the command line and nothing else: one file a subcommand. What a
// command does is in the packages spec, bundle and runtime.
package main

import (
	"os"

	"github.com/jailed-claude/jailed-claude/cmd/jailed-claude/cli"
	"github.com/jailed-claude/jailed-claude/runtime"
	"github.com/jailed-claude/jailed-claude/runtime/byname"
)

func main() {
	if status, err, ok := runtime.Reexec(); ok {
		if err != nil {
			status = cli.Report(os.Stderr, err)
		}
		os.Exit(status)
	}
	if status, ok := byname.Main(os.Args, os.Stdout, os.Stderr); ok {
		os.Exit(status)
	}
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
