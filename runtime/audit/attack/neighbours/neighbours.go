package neighbours

import (
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/runtime/audit/attack"
)

const class = "neighbours"

// Attacks look for what jails of another project have, and leave something for
// the next one.
func Attacks() []attack.Attack {
	var all []attack.Attack
	add := func(name, source, success string, run func(*attack.Env) attack.Result, judge func(attack.Witness, attack.Result) attack.Result) {
		all = append(all, attack.Attack{Name: "neighbour-" + name, Class: class, Promise: attack.PromiseNeighbours, Source: source, Success: success, Judge: judge, Run: func(e *attack.Env) attack.Result {
			if e.Neighbour.Project == "" {
				return attack.Inapplicable("there is no jail of another project: %s", e.Lacks[class])
			}
			return run(e)
		}})
	}
	const read, listed = "the secret of another project's jail is read", "something of other projects' jails is listed"
	for _, place := range slices.Sorted(maps.Keys(places())) {
		add(place, "", read, func(e *attack.Env) attack.Result { return e.Reads(filepath.Join(places()[place], secretName(e.Mark))) }, nil)
	}
	add("project", "", read, func(e *attack.Env) attack.Result {
		return e.Reads(filepath.Join(e.Neighbour.Project, secretName(e.Mark)))
	}, nil)
	add("kept-config", "the folder that is kept for each project", read, func(e *attack.Env) attack.Result {
		return kept(e, func(p string) attack.Result { return e.Reads(p) })
	}, nil)
	add("kept-by-proc-root", "proc(5)", read, func(e *attack.Env) attack.Result {
		return kept(e, func(p string) attack.Result { return e.Reads("/proc/self/root" + p) })
	}, nil)
	for _, folder := range []struct{ name, source string }{{"projects", "what is kept for each project"}, {"log", "the session logs"}, {"trust", "which policies were approved"}} {
		add("list-"+folder.name, folder.source, listed, func(e *attack.Env) attack.Result {
			if !slices.Contains(e.Neighbour.Folders, folder.name) {
				return attack.Inapplicable("there are none")
			}
			return e.There([]string{filepath.Join(e.Facts.State, folder.name)})
		}, nil)
	}
	own := func(run func(*attack.Env) attack.Result) func(*attack.Env) attack.Result {
		return func(e *attack.Env) attack.Result {
			if e.Facts.Net == "host" {
				return attack.Inapplicable("the policy gives both jails the host's network")
			}
			return run(e)
		}
	}
	add("abstract-socket", "unix(7)", read, own(func(e *attack.Env) attack.Result { return visit(e, "unix", "@"+secretName(e.Mark)) }), nil)
	add("see-abstract-socket", "/proc/net/unix", listed, own(func(e *attack.Env) attack.Result {
		text, err := os.ReadFile("/proc/net/unix")
		if err == nil && !strings.Contains(string(text), secretName(e.Mark)) {
			return attack.HeldBy("it is not listed")
		}
		return attack.Unless(err, "it is listed")
	}), nil)
	add("loopback", "ip(7)", read, own(func(e *attack.Env) attack.Result {
		if e.Neighbour.TCP == "" {
			return attack.Inapplicable("the other jail has no loopback")
		}
		return visit(e, "tcp4", e.Neighbour.TCP)
	}), nil)
	for _, place := range []string{"tmp", "runtime-dir"} {
		add("socket-in-"+place, "unix(7)", read, func(e *attack.Env) attack.Result {
			return visit(e, "unix", filepath.Join(places()[place], secretName(e.Mark)+".sock"))
		}, nil)
	}
	add("shared-memory", "sysvipc(7)", read, func(e *attack.Env) attack.Result {
		id, _, errno := unix.Syscall(unix.SYS_SHMGET, uintptr(e.Neighbour.SHM), 0, 0)
		if errno != 0 {
			return attack.HeldBy("%s", attack.Plain(errno))
		}
		b, err := unix.SysvShmAttach(int(id), 0, unix.SHM_RDONLY)
		if err != nil {
			return attack.HeldBy("%s", attack.Plain(err))
		}
		defer func() { _ = unix.SysvShmDetach(b) }()
		return e.GotSecret(b, nil)
	}, nil)
	add("see-process", "proc(5)", "a process of another project's jail is seen", func(e *attack.Env) attack.Result {
		for _, pid := range attack.Processes() {
			text, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cmdline")
			if strings.Contains(string(text), "="+secretName(e.Mark)) {
				return attack.Through("process %d", pid)
			}
		}
		return attack.HeldBy("none of %d processes is one of it", len(attack.Processes()))
	}, nil)
	add("change-project", "open(2)", "a marker appears in another project", func(e *attack.Env) attack.Result {
		return plant(filepath.Join(e.Neighbour.Project, changedName(e.Mark)))
	}, func(w attack.Witness, r attack.Result) attack.Result {
		return planted(w, r, w.Told().Neighbour.Project)
	})
	add("change-kept-config", "hooks that another project's agent would run", "a marker appears in what is kept for another project", func(e *attack.Env) attack.Result {
		return kept(e, func(p string) attack.Result { return plant(filepath.Join(filepath.Dir(p), changedName(e.Mark))) })
	}, func(w attack.Witness, r attack.Result) attack.Result {
		for _, p := range w.Told().Neighbour.Kept {
			r = planted(w, r, filepath.Dir(p))
		}
		return r
	})
	for _, place := range slices.Sorted(maps.Keys(places())) {
		add(leaves+place, "the jail that comes after", "the next jail of another project finds it", func(e *attack.Env) attack.Result {
			dir := places()[place]
			if place == "cache" {
				_ = os.Mkdir(dir, 0o700)
			}
			if !attack.Exists(dir) {
				return attack.Inapplicable("there is no such folder")
			}
			return plant(filepath.Join(dir, leftName(e.Mark)))
		}, func(w attack.Witness, r attack.Result) attack.Result {
			if w.Arrived(Left(place)) {
				return attack.Through("the next jail has it")
			}
			return r
		})
	}
	return all
}

const leaves = "leave-in-"

// Leaves tells whether an attack of that name leaves something for the next jail.
func Leaves(name string) bool { return strings.HasPrefix(name, "neighbour-"+leaves) }

// Left is what the host notes (attack.Witness) when the next jail found something
// in a place.
func Left(place string) string { return "left-in-" + place }

// kept tries what is kept for the other project.
func kept(e *attack.Env, try func(p string) attack.Result) attack.Result {
	var rs []attack.Result
	for _, p := range e.Neighbour.Kept {
		rs = append(rs, try(p))
	}
	return attack.FirstThrough(rs...)
}

// plant makes a marker and leaves it.
func plant(p string) attack.Result {
	if err := os.WriteFile(p, []byte(attack.MarkerText), 0o600); err != nil {
		return attack.HeldBy("%s", attack.Plain(err))
	}
	return attack.HeldBy("made in the jail's own")
}

func planted(w attack.Witness, r attack.Result, dir string) attack.Result {
	if dir == "" || r.Verdict == attack.NotApplicable {
		return r
	}
	return w.Planted(filepath.Join(dir, changedName(w.Told().Mark)), r)
}

func visit(e *attack.Env, network, address string) attack.Result {
	c, err := net.DialTimeout(network, address, time.Second)
	if err != nil {
		return attack.HeldBy("%s", attack.Plain(err))
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(time.Second))
	return e.ReadsFrom(c, address)
}
