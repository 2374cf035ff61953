package files

import (
	"bytes"
	"os"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/runtime/audit/attack"
)

// CallerAttacks use what the caller has elsewhere, and how the jail is started. In
// the jail of its own (attack.Bait.Further) the host lays it out.
func CallerAttacks() []attack.Attack {
	var all []attack.Attack
	add := func(a attack.Attack, applies func(*attack.Env) bool) {
		run := a.Run
		a.Apart = true
		a.Run = func(e *attack.Env) attack.Result {
			if !applies(e) {
				return attack.Inapplicable("it is not laid out: the host cannot, or what starts the jail is no program of ours")
			}
			return run(e)
		}
		all = append(all, a)
	}
	linked := func(e *attack.Env) bool { return e.Caller.Linked != "" }
	add(attack.Attack{
		Name: "home-link", Class: "persistence", Promise: attack.PromisePersistence, Source: "a repository of dotfiles", Success: "a file that a dotfile of the caller's links to is changed",
		Run: func(e *attack.Env) attack.Result { return attack.Opens(e.Caller.Linked, os.O_WRONLY) },
	}, linked)
	add(attack.Attack{
		Name: "home-link-to-nothing", Class: "persistence", Promise: attack.PromisePersistence, Source: "a dotfile that links to a file which is not there yet", Success: "the file is made, without a word at the end",
		Run: func(e *attack.Env) attack.Result {
			if !attack.Exists(e.Caller.Linked) {
				return attack.HeldBy("the folder is not there")
			}
			if err := makeTrusted(e.Caller.LinkedNew); err != nil {
				return attack.HeldBy("%s", attack.Plain(err))
			}
			return attack.Through("made")
		},
		Judge: func(w attack.Witness, r attack.Result) attack.Result {
			if r.Verdict == attack.GotThrough && w.Said("  \""+w.Told().Caller.LinkedNew+"\": ") {
				return attack.HeldBy("it was made, and reported at the end of the jail")
			}
			return r
		},
	}, linked)
	add(attack.Attack{
		Name: "program-on-path", Class: "persistence", Promise: attack.PromisePersistence, Source: "node_modules/.bin, a virtual environment or \".\" on PATH", Success: "what starts the jail runs a git or nix that the jail could have made",
		Run: func(e *attack.Env) attack.Result {
			if !attack.Exists(e.Caller.Program) {
				return attack.HeldBy("the folder is not there")
			}
			return attack.HeldBy("nobody ran it")
		},
		Judge: func(w attack.Witness, r attack.Result) attack.Result { return w.Planted(w.Told().Caller.Ran, r) },
	}, func(e *attack.Env) bool { return e.Caller.Program != "" })
	add(attack.Attack{
		Name: "appended-output-read", Class: "files", Promise: attack.PromiseFiles, Source: "proc_pid_fd(5): claude >>log", Success: "what the file held to which the caller appends is read",
		Run: func(e *attack.Env) attack.Result {
			// A pipe has nothing to read, and would be waited for.
			fd, err := unix.Open("/proc/self/fd/2", unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
			if err != nil {
				return attack.HeldBy("%s", attack.Plain(err))
			}
			defer unix.Close(fd)
			b := make([]byte, 4096)
			n, err := unix.Read(fd, b)
			if err != nil {
				return attack.HeldBy("%s", attack.Plain(err))
			}
			return e.ReadsFrom(bytes.NewReader(b[:n]), "standard error")
		},
	}, func(e *attack.Env) bool { return e.Caller.Appended })
	add(attack.Attack{
		Name: "appended-output-truncate", Class: "files", Promise: attack.PromiseFiles, Source: "proc_pid_fd(5): claude >>log", Success: "what the file held to which the caller appends is gone",
		Run: func(*attack.Env) attack.Result {
			return attack.Unless(os.Truncate("/proc/self/fd/2", 0), "it was truncated")
		},
		Judge: func(w attack.Witness, r attack.Result) attack.Result {
			if r.Verdict == attack.GotThrough && w.Said(attack.SecretPrefix) {
				return attack.HeldBy("another file was truncated")
			}
			return r
		},
	}, func(e *attack.Env) bool { return e.Caller.Appended })
	return all
}
