package keys

import (
	"bufio"
	"encoding/pem"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/runtime/audit/attack"
)

// hunts look for keys in all that the jail can read.
func hunts() []attack.Attack {
	var all []attack.Attack
	add := func(name, source, success string, run func(*attack.Env) attack.Result) {
		all = append(all, attack.Attack{Name: name, Source: source, Success: success, Run: run})
	}
	for _, file := range []struct{ name, file, source string }{
		{"key-in-environments", "environ", "proc_pid_environ(5)"}, {"key-in-arguments", "cmdline", "proc_pid_cmdline(5): keys that are flags"},
	} {
		add(file.name, file.source, "a process has a key there", func(e *attack.Env) attack.Result {
			for _, pid := range attack.Processes() {
				text, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, file.file))
				if err == nil && e.IsSecret(text) {
					return attack.Through("process %d has a key", pid)
				}
			}
			return attack.HeldBy("none of %d processes has one", len(attack.Processes()))
		})
	}
	add("key-in-memory", "proc_pid_mem(5)", "a key is in the memory of a process of the jail", func(e *attack.Env) attack.Result { return memories(e.IsSecret, "a key") })
	add("key-in-descriptors", "proc_pid_fd(5): a file in memory", "a key is in an open file", func(e *attack.Env) attack.Result {
		all, _ := filepath.Glob("/proc/[0-9]*/fd/*")
		for _, p := range all {
			if filepath.Base(p) == "2" {
				continue // what the caller appends to, in "appended-output-read"
			}
			if fi, err := os.Stat(p); err == nil && fi.Mode().IsRegular() && e.Reads(p).Verdict == attack.GotThrough {
				return attack.Through("a key is in %s", p)
			}
		}
		return attack.HeldBy("none of %d is one", len(all))
	})
	add("key-in-files", "", "a key is in a file of the jail", func(e *attack.Env) attack.Result { return files(e.IsSecret, "a key") })
	add("key-in-its-file", "file: and command: of a broker", "the file of the host that a key lies in is read", func(e *attack.Env) attack.Result {
		var rs []attack.Result
		for _, p := range e.Keys.Files {
			rs = append(rs, e.Reads(p), e.Reads("/proc/self/root"+p))
		}
		return attack.FirstThrough(rs...)
	})
	add("key-in-core-file", "core(5)", "a program that dumps core leaves a key in a file", dumpsCore)
	return all
}

// dumpsCore ends a program of the jail as a crash does.
func dumpsCore(e *attack.Env) attack.Result {
	dir := e.Scratch("core")
	if err := os.Mkdir(dir, 0o700); err != nil {
		return attack.HeldBy("%s", attack.Plain(err))
	}
	defer os.RemoveAll(dir)
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_CORE, &limit); err == nil {
		limit.Cur = limit.Max
		_ = unix.Setrlimit(unix.RLIMIT_CORE, &limit)
	}
	c := attack.Command(e.Self, "audit", "--inside=linger:"+e.Marked("core"))
	c.Dir, c.Env = dir, append(os.Environ(), "GOTRACEBACK=crash")
	if err := c.Start(); err != nil {
		return attack.HeldBy("%s", attack.Plain(err))
	}
	_ = c.Process.Signal(unix.SIGABRT)
	_ = c.Wait()
	for name := range attack.DirNames(dir) {
		if r := e.Reads(filepath.Join(dir, name)); r.Verdict == attack.GotThrough {
			return r
		}
	}
	return attack.HeldBy("%d files have no key", len(attack.DirNames(dir)))
}

// Bounds of a search, far beyond what a jail has of its own. What a policy grants
// besides may be large, and is the policy's.
const (
	maxFiles = 20_000
	maxBytes = 256 << 20
)

// elsewhere are folders that are the host's programs or the kernel's.
var elsewhere = []string{"/proc", "/sys", "/nix", "/dev", "/usr", "/bin", "/lib", "/lib64", "/sbin"}

// top is where a search for files begins. Tests have no jail.
var top = "/"

// files looks into all files of the jail.
func files(has func([]byte) bool, what string) attack.Result {
	found, n, size := "", 0, int64(0)
	_ = filepath.WalkDir(top, func(p string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return nil // what cannot be read is not searched
		case found != "" || n > maxFiles || size > maxBytes:
			return fs.SkipAll
		case d.IsDir() && slices.Contains(elsewhere, p):
			return fs.SkipDir
		case !d.Type().IsRegular():
			return nil
		}
		f, err := os.Open(p) //nolint:gosec // whatever it is by now, it is looked into
		if err != nil {
			return nil // as above
		}
		defer f.Close()
		text, _ := io.ReadAll(io.LimitReader(f, attack.Limit))
		n, size = n+1, size+int64(len(text))
		if has(text) {
			found = p
		}
		return nil
	})
	if found != "" {
		return attack.Through("%s is in %s", what, found)
	}
	return attack.HeldBy("it is in none of %d files", n)
}

// memories looks into the memory of every process of the jail.
func memories(has func([]byte) bool, what string) attack.Result {
	read, closed := 0, 0
	for _, pid := range attack.Processes() {
		found, err := memory(pid, has)
		switch {
		case found:
			return attack.Through("%s is in the memory of process %d", what, pid)
		case err != nil:
			closed++
		default:
			read++
		}
	}
	if read == 0 {
		return attack.Failure("the memory of none of %d processes can be read", closed)
	}
	return attack.HeldBy("it is in none of %d processes; %d cannot be read", read, closed)
}

// memory looks into what a process may write to: what it has only mapped is in
// files. Pieces overlap by more than a key is long.
func memory(pid int, has func([]byte) bool) (found bool, err error) {
	maps, err := os.Open("/proc/" + strconv.Itoa(pid) + "/maps")
	if err != nil {
		return false, err
	}
	defer maps.Close()
	mem, err := os.Open("/proc/" + strconv.Itoa(pid) + "/mem")
	if err != nil {
		return false, err
	}
	defer mem.Close()
	const piece, overlap = 1 << 20, 4 << 10
	buf := make([]byte, piece+overlap)
	for lines := bufio.NewScanner(maps); lines.Scan(); {
		var from, to int64
		var mode string
		if n, _ := fmt.Sscanf(lines.Text(), "%x-%x %s", &from, &to, &mode); n < 3 || !strings.HasPrefix(mode, "rw") {
			continue
		}
		for at := from; at < to && at-from < maxBytes; at += piece {
			if !touched(pid, at, min(to, at+piece)) {
				continue
			}
			if n, _ := mem.ReadAt(buf[:min(int64(len(buf)), to-at)], at); n > 0 && has(buf[:n]) {
				return true, nil
			}
		}
	}
	return false, nil
}

// touched: a page there is in memory (proc_pid_pagemap(5)). What is only reserved
// holds nothing, and there is much of it.
func touched(pid int, from, to int64) bool {
	pages := make([]byte, (to-from)/int64(os.Getpagesize())*8)
	f, err := os.Open("/proc/" + strconv.Itoa(pid) + "/pagemap")
	if err != nil {
		return true // then all is read
	}
	defer f.Close()
	n, err := f.ReadAt(pages, from/int64(os.Getpagesize())*8)
	if err != nil {
		return true
	}
	for i := 7; i < n; i += 8 {
		if pages[i]&0xc0 != 0 { // present, or swapped
			return true
		}
	}
	return false
}

// blocks are what PEM texts hold.
func blocks(text []byte) (all [][]byte) {
	for {
		b, rest := pem.Decode(text)
		if b == nil {
			return all
		}
		all, text = append(all, b.Bytes), rest
	}
}
