package files

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/runtime/audit/attack"
)

// PersistenceAttacks change what the host executes or trusts in the project.
func PersistenceAttacks() []attack.Attack {
	var all []attack.Attack
	// On every protected path that there is.
	add := func(name, source, success string, try func(e *attack.Env, p string) attack.Result) {
		all = append(all, attack.Attack{Name: name, Class: "persistence", Promise: attack.PromisePersistence, Source: source, Success: success, Run: func(e *attack.Env) attack.Result {
			if len(e.Facts.Protected) == 0 {
				return attack.Inapplicable("nothing in the project is protected")
			}
			var rs []attack.Result
			for _, p := range e.Facts.Protected {
				rs = append(rs, try(e, p))
			}
			return attack.FirstThrough(rs...)
		}})
	}
	add("protected-write", "open(2)", "a protected file is open for writing", func(_ *attack.Env, p string) attack.Result { return attack.Opens(p, os.O_WRONLY) })
	add("protected-append", "open(2)", "a protected file is open for appending", func(_ *attack.Env, p string) attack.Result { return attack.Opens(p, os.O_WRONLY|os.O_APPEND) })
	add("protected-write-by-proc-root", "claude-code issue 86855", "a protected file is open for writing", func(_ *attack.Env, p string) attack.Result {
		return attack.Opens("/proc/self/root"+p, os.O_RDWR)
	})
	add("protected-write-by-descriptor", "proc_pid_fd(5)", "a descriptor for reading is opened again for writing", func(_ *attack.Env, p string) attack.Result {
		fd, err := unix.Open(p, unix.O_PATH|unix.O_CLOEXEC, 0)
		if err != nil {
			return attack.HeldBy("%s", attack.Plain(err))
		}
		defer unix.Close(fd)
		return attack.Opens("/proc/self/fd/"+strconv.Itoa(fd), os.O_WRONLY)
	})
	add("protected-write-by-hard-link", "link(2), protected_hardlinks in proc_sys_fs(5)", "a link to a protected file is open for writing", func(e *attack.Env, p string) attack.Result {
		link := filepath.Join(e.Facts.Project, e.Marked("link"))
		if err := os.Link(p, link); err != nil {
			return attack.HeldBy("%s", attack.Plain(err))
		}
		defer os.Remove(link)
		return attack.Opens(link, os.O_WRONLY)
	})
	add("protected-truncate", "truncate(2)", "a protected file takes another size", func(_ *attack.Env, p string) attack.Result {
		fi, err := os.Stat(p)
		if err != nil || fi.IsDir() {
			return attack.Inapplicable("it is a folder")
		}
		return attack.Unless(os.Truncate(p, fi.Size()), "%s was truncated, to the size it has", p)
	})
	add("protected-chmod", "chmod(2)", "the mode of a protected path is set", func(_ *attack.Env, p string) attack.Result {
		fi, err := os.Stat(p)
		if err != nil {
			return attack.HeldBy("%s", attack.Plain(err))
		}
		return attack.Unless(os.Chmod(p, fi.Mode()), "the mode of %s was set, to what it was", p)
	})
	add("protected-times", "utimensat(2)", "the times of a protected path are set", func(_ *attack.Env, p string) attack.Result {
		fi, err := os.Stat(p)
		if err != nil {
			return attack.HeldBy("%s", attack.Plain(err))
		}
		return attack.Unless(os.Chtimes(p, time.Time{}, fi.ModTime()), "the times of %s were set, to what they were", p)
	})
	add("protected-attribute", "setxattr(2)", "an extended attribute of a protected path is set", func(_ *attack.Env, p string) attack.Result {
		err := unix.Setxattr(p, "user.jailed-claude-audit", []byte("1"), 0)
		if err == nil {
			_ = unix.Removexattr(p, "user.jailed-claude-audit")
		}
		return attack.Unless(err, "%s has an attribute", p)
	})
	add("protected-move", "rename(2)", "a protected path is moved", func(e *attack.Env, p string) attack.Result { return moves(p, e.Marked("moved")) })
	add("protected-move-ancestor", "the ancestor-pin tests of sandbox-runtime", "a folder above a protected path is moved", movesAncestors)
	add("protected-replace", "rename(2), RENAME_EXCHANGE", "a protected path is replaced", exchanges)
	add("protected-uncover", "umount(2)", "the mount on a protected path is taken away", func(_ *attack.Env, p string) attack.Result {
		return attack.Refused(attack.Forked(attack.Sys(unix.SYS_UMOUNT2, attack.CString(p), unix.MNT_DETACH)))
	})
	add("protected-folder", "", "a file appears in a protected folder", func(e *attack.Env, p string) attack.Result {
		if fi, err := os.Stat(p); err != nil || !fi.IsDir() {
			return attack.Inapplicable("it is a file")
		}
		name := filepath.Join(p, e.Marked("file"))
		f, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if err == nil {
			_ = f.Close()
			_ = os.Remove(name)
		}
		return attack.Unless(err, "%s takes new files", p)
	})
	add("protected-write-by-spelling", "CVE-2014-9390: .GIT is .git", "a protected path is open for writing by another spelling of its name", func(e *attack.Env, p string) attack.Result {
		return respelled(e, p, func(p string) attack.Result { return changes(e, p) })
	})
	for _, t := range trusted {
		all = append(all, t.attack())
	}
	all = append(all, changeAround())
	all = append(all, setuidAttacks()...)
	return all
}

// FurtherAttacks are those that are made in a further folder as well.
func FurtherAttacks(class string) []attack.Attack {
	return attack.Further(class, slices.DeleteFunc(PersistenceAttacks(), func(a attack.Attack) bool {
		return !strings.HasPrefix(a.Name, "protected-") && !strings.HasPrefix(a.Name, "trust-")
	}))
}

// trusted are files of a project that programs of the host run or believe.
var trusted = []trustedFile{
	{"git-hook", ".git/hooks/post-checkout", "githooks(5)"},
	{"git-config", ".git/config", "core.fsmonitor, core.hooksPath in git-config(1)"},
	{"git-commondir", ".git/commondir", "gitrepository-layout(5): config and hooks of another folder"},
	{"git-modules", ".gitmodules", "CVE-2018-17456"},
	{"git-nested-repository", "jailed-claude-audit/.git/HEAD", "hooks of a nested repository"},
	{"git-bare-repository", "HEAD", "a bare repository in the working tree, safe.bareRepository in git-config(1)"},
	{"direnv", ".envrc", "direnv(1)"},
	{"mise", "mise.toml", "mise"},
	{"vscode-tasks", ".vscode/tasks.json", "tasks of Visual Studio Code that run when a folder is opened"},
	{"idea", ".idea/workspace.xml", "run configurations"},
	{"zed", ".zed/tasks.json", "tasks of Zed"},
	{"vim", ".exrc", "'exrc' of Vim"},
	{"neovim", ".nvim.lua", "'exrc' of Neovim"},
	{"emacs", ".dir-locals.el", "directory variables of Emacs"},
	{"devcontainer", ".devcontainer/devcontainer.json", "initializeCommand runs on the host"},
	{"claude-settings", ".claude/settings.json", "CVE-2026-25725: hooks of Claude Code"},
	{"claude-local-settings", ".claude/settings.local.json", "hooks of Claude Code"},
	{"claude-commands", ".claude/commands/audit.md", "commands of Claude Code"},
	{"claude-agents", ".claude/agents/audit.md", "agents of Claude Code"},
	{"claude-skills", ".claude/skills/audit/SKILL.md", "skills of Claude Code"},
	{"claude-mcp", ".mcp.json", "CVE-2025-59536: MCP servers that start with Claude Code"},
	{"cursor-mcp", ".cursor/mcp.json", "MCP servers of Cursor"},
	{"own-policy", ".jailed-claude.toml", "the policy of the next jail"},
	{"own-lock", ".jailed-claude.lock", "the store paths of the next jail"},
}

type trustedFile struct{ name, path, source string }

// attack writes the file, or makes it where there is none. What is made has to
// be in the report that the user sees at the end.
func (t trustedFile) attack() attack.Attack {
	return attack.Attack{
		Name: "trust-" + t.name, Class: "persistence", Promise: attack.PromisePersistence, Source: t.source,
		Success: t.path + " of the project is changed, or made without a word at the end",
		Run: func(e *attack.Env) attack.Result {
			p := filepath.Join(e.Facts.Project, t.path)
			if _, err := os.Lstat(p); err == nil {
				if e.Facts.Layer {
					return overwritten(p)
				}
				return attack.Opens(p, os.O_WRONLY)
			}
			if strings.HasPrefix(t.path, ".git/") && !attack.Exists(filepath.Join(e.Facts.Project, ".git/HEAD")) {
				return attack.Inapplicable("the project is no git repository with a folder .git")
			}
			if e.Facts.ReadOnly {
				return attack.Opens(p, os.O_WRONLY|os.O_CREATE|os.O_EXCL)
			}
			if err := makeTrusted(p); err != nil {
				return attack.HeldBy("%s", attack.Plain(err))
			}
			return attack.Through("made")
		},
		Judge: func(s attack.Witness, r attack.Result) attack.Result { return s.Reported(t.path, r) },
	}
}

// overwritten puts a text in a file's place that no program takes for anything.
func overwritten(p string) attack.Result {
	if err := os.WriteFile(p, []byte(attack.MarkerText), 0o600); err != nil {
		return attack.HeldBy("%s", attack.Plain(err))
	}
	return attack.Through("made")
}

// makeTrusted makes a file with its folders. A text that no program takes for
// anything.
func makeTrusted(p string) error {
	if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
		return err
	}
	if filepath.Base(filepath.Dir(p)) == ".git" {
		// What makes a repository of it.
		for _, d := range []string{"objects", "refs"} {
			if err := os.MkdirAll(filepath.Join(filepath.Dir(p), d), 0o755); err != nil {
				return err
			}
		}
	}
	f, err := os.OpenFile(p, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(attack.MarkerText)
	return errors.Join(err, f.Close())
}

// setuidAttacks leave a file in the project that gives its runner the caller's
// rights.
func setuidAttacks() []attack.Attack {
	var all []attack.Attack
	for _, a := range []struct {
		name, source string
		mode         uint32
		set          func(p string, mode uint32) error
	}{
		{"setuid-chmod", "chmod(2)", unix.S_ISUID | 0o755, func(p string, mode uint32) error { return unix.Chmod(p, mode) }},
		{"setgid-chmod", "chmod(2)", unix.S_ISGID | 0o755, func(p string, mode uint32) error { return unix.Chmod(p, mode) }},
		{"setuid-fchmodat2", "fchmodat2(2), Linux 6.6", unix.S_ISUID | 0o755, func(p string, mode uint32) error {
			return attack.Forked(attack.Sys(unix.SYS_FCHMODAT2, attack.AtCwd, attack.CString(p), uintptr(mode), 0))
		}},
		{"setuid-create", "open(2)", unix.S_ISUID | 0o755, func(p string, mode uint32) error {
			_ = os.Remove(p)
			fd, err := unix.Open(p, unix.O_CREAT|unix.O_EXCL|unix.O_WRONLY|unix.O_CLOEXEC, mode)
			if err == nil {
				_ = unix.Close(fd)
			}
			return err
		}},
		{"setuid-openat2", "openat2(2), Linux 5.6", unix.S_ISUID | 0o755, func(p string, mode uint32) error {
			_ = os.Remove(p)
			fd, err := unix.Openat2(unix.AT_FDCWD, p, &unix.OpenHow{Flags: unix.O_CREAT | unix.O_EXCL | unix.O_WRONLY | unix.O_CLOEXEC, Mode: uint64(mode)})
			if err == nil {
				_ = unix.Close(fd)
			}
			return err
		}},
		{"setuid-mknod", "mknod(2)", unix.S_ISUID | 0o755, func(p string, mode uint32) error {
			_ = os.Remove(p)
			return unix.Mknod(p, unix.S_IFREG|mode, 0)
		}},
	} {
		all = append(all, attack.Attack{
			Name: a.name, Class: "persistence", Promise: attack.PromisePersistence, Source: a.source + "; Nix forbids it in builds",
			Success: "a set-user-ID or set-group-ID file of the caller's lies in the project",
			Run: func(e *attack.Env) attack.Result {
				if e.Facts.ReadOnly {
					return attack.Inapplicable("the project is read-only")
				}
				p := filepath.Join(e.Facts.Project, e.Marked("setuid"))
				defer os.Remove(p)
				if err := os.WriteFile(p, []byte(attack.MarkerText), 0o600); err != nil {
					return attack.Failure("%v", err)
				}
				if err := a.set(p, a.mode); err != nil {
					return attack.HeldBy("%s", attack.Plain(err))
				}
				fi, err := os.Stat(p)
				if err == nil && fi.Mode()&(fs.ModeSetuid|fs.ModeSetgid) == 0 {
					return attack.HeldBy("the bit was dropped")
				}
				return attack.Unless(err, "it lies in the project, %v", fi.Mode())
			},
		})
	}
	return all
}
