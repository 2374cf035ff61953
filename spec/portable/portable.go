package portable

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"path"
	"slices"
	"strings"

	"github.com/jailed-claude/jailed-claude/spec"
	"github.com/jailed-claude/jailed-claude/spec/agent"
	"github.com/jailed-claude/jailed-claude/spec/canon"
	"github.com/jailed-claude/jailed-claude/spec/closure"
	"github.com/jailed-claude/jailed-claude/spec/contract"
	"github.com/jailed-claude/jailed-claude/spec/host"
	"github.com/jailed-claude/jailed-claude/spec/lent"
	"github.com/jailed-claude/jailed-claude/spec/policy"
)

// ErrHostToolchain is returned by Spec for a closure that is the host's own
// /usr: no other host has the same.
var ErrHostToolchain = errors.New("the agent comes from the host's own programs, which no other host has the same")

// Version is the version of the form that Spec writes.
const Version = 1

// Spec is the jail of a policy and a closure without the host: canonical
// JSON (package canon), the same bytes for everyone, everywhere, on any day.
//
// It is the config.json that spec.Build would make, with ${NAME} where a value of the
// host stands, and one more member, "portable", for what is not in a
// config.json:
//
//	version   Version
//	system    "x86_64-linux": the seccomp profile and the closure are for one
//	hide      the policy's patterns; which files they match is the checkout's
//	protect   the same, on top of the built-in list
//	rootfs    the generated files of the rootfs
//
// The placeholders are PROJECT HOME STATE UID GID USER GROUP, GIT_NAME
// GIT_EMAIL, CERTS EXTRA_CERTS SSH_KEY:FILE KNOWN_HOSTS:HOST RESOLV_CONF LOCALTIME MANAGED_SETTINGS NIX_DAEMON
// NIX_SUBSTITUTERS NIX_KEYS JAILED_CLAUDE, and env:NAME for a variable of the caller's. It is
// the jail of an ordinary user on a host that has all of these: where a host
// lacks one, its mount or variable is left out there, and root has one user
// namespace less. Paths that only one checkout has (protected and hidden files,
// a worktree's git directory) are not part of it, nor is what the agent is
// asked to do, nor the broker for a key that the caller may have in the
// environment. A "$" that is no placeholder's is written "$$".
//
// Nothing is searched and replaced in values: the jail is built for a host
// whose facts are the placeholders, marked by characters that a policy or
// closure cannot hold.
func Spec(p policy.Policy, c closure.Closure) ([]byte, error) {
	return portable(p, c, portableID)
}

// portableID stands for the caller's ids, which are numbers, while Build runs.
// Any but 0 will do: nothing of it is left.
const portableID = 1000

func portable(p policy.Policy, c closure.Closure, id int) ([]byte, error) {
	if c.Toolchain != closure.Nix {
		return nil, ErrHostToolchain
	}
	if err := unmarked(p, c); err != nil {
		return nil, err
	}
	in := spec.Input{Policy: p, Closure: c, Host: anyHost(p, id), Env: anyEnv(p), Init: markPath("JAILED_CLAUDE")}
	if c.Agent == "" {
		in.Command = []string{"sh"}
	}
	j, err := spec.Build(in)
	if err != nil {
		return nil, err
	}
	// The first arguments are jailinit's, up to "--".
	for i, a := range j.Spec.Process.Args {
		if a == "--" {
			break
		}
		for _, name := range []string{"uid", "gid"} {
			if strings.HasPrefix(a, "--"+name+"=") {
				j.Spec.Process.Args[i] = "--" + name + "=" + mark(strings.ToUpper(name))
			}
		}
	}
	tree, err := canon.Tree(j.Spec)
	if err != nil {
		return nil, err
	}
	document, linux := tree.(map[string]any), tree.(map[string]any)["linux"].(map[string]any)
	for _, name := range []string{"uid", "gid"} {
		for _, m := range linux[name+"Mappings"].([]any) {
			m.(map[string]any)["hostID"] = mark(strings.ToUpper(name))
		}
	}
	rootfs := []any{}
	for _, f := range j.Rootfs {
		rootfs = append(rootfs, portableFile(f))
	}
	document["portable"] = map[string]any{
		"version": Version,
		"system":  contract.System,
		"hide":    anyList(p.Files.Hide),
		"protect": anyList(p.Files.Protect),
		"rootfs":  rootfs,
	}
	return canon.JSON(unmark(document))
}

// anyHost is a host whose every fact is a placeholder.
func anyHost(p policy.Policy, id int) host.Facts {
	layer := contract.LayerDir(markPath("STATE"), "")
	h := host.Facts{
		UID: id, GID: id, User: mark("USER"), Group: mark("GROUP"),
		Home:         markPath("HOME"),
		RuntimeDir:   "/run/user/" + mark("UID"),
		ProjectState: markPath("STATE"),
		Executable:   markPath("JAILED_CLAUDE"),
		Project:      host.Project{Dir: markPath("PROJECT"), Layer: layer, Review: contract.ReviewCommand(layer, "")},
		GitName:      mark("GIT_NAME"), GitEmail: mark("GIT_EMAIL"),
		CAFile: markPath("CERTS"), ExtraCAFile: markPath("EXTRA_CERTS"), CAVariables: map[string]string{"NODE_EXTRA_CA_CERTS": markPath("EXTRA_CERTS")},
		ResolvConf:      markPath("RESOLV_CONF"),
		Localtime:       markPath("LOCALTIME"),
		ManagedSettings: markPath("MANAGED_SETTINGS"),
		NixDaemon:       markPath("NIX_DAEMON"),
		NixSubstituters: []string{mark("NIX_SUBSTITUTERS")},
		NixKeys:         []string{mark("NIX_KEYS")},
		NoFile:          math.MaxUint64, // Build has a limit of its own
		Present:         map[string]host.Kind{},
		SSH:             anySSH(p),
	}
	c := agent.Default().Config()
	h.ClaudeShared = host.ClaudeFiles{Dir: path.Join(h.Home, c.Path), JSON: path.Join(h.Home, c.Beside)}
	// Every path that is granted is there, and no symlink.
	for _, g := range slices.Concat(p.Files.Read, p.Files.Write) {
		if rest, ok := strings.CutPrefix(g, "~/"); ok {
			g = path.Join(h.Home, rest)
		}
		g = path.Clean(g)
		h.Present[g] = host.Kind{Real: g}
	}
	return h
}

// anySSH has the keys of every host, and of every file.
func anySSH(p policy.Policy) host.SSH {
	s := host.SSH{Keys: map[string]string{}, Hosts: map[string][]string{}}
	for _, k := range p.SSH.Keys {
		s.Keys[k] = mark("SSH_KEY:" + k)
	}
	for _, name := range lent.SSHNames(p.SSH) {
		s.Hosts[name] = []string{mark("KNOWN_HOSTS:" + name)}
	}
	return s
}

// anyEnv has every variable that may cross. Whether the caller has a key is the
// caller's.
func anyEnv(p policy.Policy) spec.Env {
	e := spec.Env{Vars: map[string]string{}, Display: markPath("DISPLAY")}
	for _, name := range spec.EnvNames(p) {
		e.Vars[name] = mark("env:" + name)
	}
	return e
}

// portableFile says all of a file of the rootfs. The one with numbers in it is
// passwd(5)'s and group(5)'s first line, the caller's.
func portableFile(f contract.File) map[string]any {
	m := map[string]any{"path": f.Path, "mode": fmt.Sprintf("%04o", f.Mode.Perm())}
	switch {
	case f.Mode.IsDir():
		m["type"] = "directory"
	case f.Mode&fs.ModeSymlink != 0:
		m["type"], m["target"] = "symlink", f.Target
		delete(m, "mode")
	default:
		text := string(f.Content)
		if f.Path == "/etc/passwd" || f.Path == "/etc/group" {
			fields := strings.SplitN(text, ":", 5)
			fields[2] = mark("UID")
			if f.Path == "/etc/passwd" {
				fields[3] = mark("GID")
			} else {
				fields[2] = mark("GID")
			}
			text = strings.Join(fields, ":")
		}
		m["type"], m["content"] = "file", text
	}
	return m
}

// A placeholder is marked by control characters as long as Build works with
// it. A policy cannot have control characters, nor can a store path, and
// unmarked makes sure of it.
const (
	markBegin = "\u0091"
	markPathB = "\u0093"
	markEnd   = "\u0092"
)

func mark(name string) string { return markBegin + name + markEnd }

// markPath marks a placeholder that is a whole absolute path.
func markPath(name string) string { return "/" + markPathB + name + markEnd }

// unmarked makes sure that no value has a mark that is not ours.
func unmarked(p policy.Policy, c closure.Closure) error {
	said, err := policy.Canonical(p)
	if err != nil {
		return err
	}
	needs, err := canon.JSON(c)
	if err != nil {
		return err
	}
	for _, text := range []string{string(said), string(needs)} {
		if i := strings.IndexAny(text, markBegin+markPathB+markEnd); i >= 0 {
			return fmt.Errorf("there is a control character in the policy or the closure, near %.40q", text[i:])
		}
	}
	return nil
}

// unmark writes every marked placeholder as ${NAME}, and every other "$" as
// "$$", in all strings of v.
func unmark(v any) any {
	switch v := v.(type) {
	case string:
		return unmarker.Replace(v)
	case []any:
		l := make([]any, len(v))
		for i := range v {
			l[i] = unmark(v[i])
		}
		return l
	case map[string]any:
		m := make(map[string]any, len(v))
		for name, value := range v {
			m[unmarker.Replace(name)] = unmark(value)
		}
		return m
	}
	return v
}

var unmarker = strings.NewReplacer("$", "$$", "/"+markPathB, "${", markBegin, "${", markEnd, "}")

func anyList(l []string) []any {
	a := make([]any, len(l))
	for i, s := range l {
		a[i] = s
	}
	return a
}
