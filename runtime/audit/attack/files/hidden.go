package files

import (
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/runtime/audit/attack"
)

// HiddenAttacks look for what the policy hides in the project.
func HiddenAttacks() []attack.Attack {
	var all []attack.Attack
	add := func(name, source, success string, try func(e *attack.Env, p string) attack.Result) {
		all = append(all, attack.Attack{Name: name, Class: "hidden", Promise: attack.PromiseHidden, Source: source, Success: success, Run: func(e *attack.Env) attack.Result {
			if len(e.Facts.Hidden) == 0 {
				return attack.Inapplicable("the policy hides nothing that is there")
			}
			var rs []attack.Result
			for _, p := range e.Facts.Hidden {
				rs = append(rs, try(e, p))
			}
			return attack.FirstThrough(rs...)
		}})
	}
	// shows something: contents of a file, entries of a folder.
	shows := func(p string) attack.Result {
		var st unix.Stat_t
		if err := unix.Stat(p, &st); err != nil {
			return attack.HeldBy("%s", attack.Plain(err))
		}
		if st.Mode&unix.S_IFMT == unix.S_IFDIR {
			entries, err := os.ReadDir(p)
			if err == nil && len(entries) == 0 {
				return attack.HeldBy("it is empty")
			}
			return attack.Unless(err, "%s has %d entries", p, len(entries))
		}
		text, err := os.ReadFile(p)
		if err == nil && len(text) == 0 {
			return attack.HeldBy("it is empty")
		}
		return attack.Unless(err, "%s has %d bytes", p, len(text))
	}
	add("hidden-read", "", "a hidden file has contents", func(_ *attack.Env, p string) attack.Result { return shows(p) })
	add("hidden-read-by-proc-root", "claude-code issue 86855", "a hidden file has contents", func(_ *attack.Env, p string) attack.Result { return shows("/proc/self/root" + p) })
	add("hidden-read-by-hard-link", "link(2)", "a link to a hidden file has contents", func(e *attack.Env, p string) attack.Result {
		link := filepath.Join(e.Facts.Project, e.Marked("hidden"))
		if err := os.Link(p, link); err != nil {
			return attack.HeldBy("%s", attack.Plain(err))
		}
		defer os.Remove(link)
		return shows(link)
	})
	add("hidden-read-by-spelling", "CVE-2014-9390: .GIT is .git", "a hidden file has contents, by another spelling of its name", func(e *attack.Env, p string) attack.Result {
		return respelled(e, p, shows)
	})
	add("hidden-uncover", "umount(2)", "what covers a hidden file is taken away", func(_ *attack.Env, p string) attack.Result {
		return attack.Refused(attack.Forked(attack.Sys(unix.SYS_UMOUNT2, attack.CString(p), unix.MNT_DETACH)))
	})
	add("hidden-move", "rename(2)", "a hidden file is moved", func(e *attack.Env, p string) attack.Result { return moves(p, e.Marked("moved")) })
	add("hidden-move-ancestor", "the ancestor-pin tests of sandbox-runtime", "a folder above a hidden file is moved", movesAncestors)
	add("hidden-replace", "rename(2), RENAME_EXCHANGE", "a hidden file is replaced", exchanges)
	return append(all, readAround())
}

// moves renames, and back at once.
func moves(p, to string) attack.Result {
	away := filepath.Join(filepath.Dir(p), to)
	err := unix.Renameat2(unix.AT_FDCWD, p, unix.AT_FDCWD, away, unix.RENAME_NOREPLACE)
	if err == nil {
		if back := os.Rename(away, p); back != nil {
			return attack.Through("%s was moved to %s, and back: %v", p, away, back)
		}
	}
	return attack.Unless(err, "%s was moved", p)
}

// movesAncestors moves each folder between a path and the project's root.
func movesAncestors(e *attack.Env, p string) attack.Result {
	var rs []attack.Result
	for d := filepath.Dir(p); d != e.Facts.Project && attack.Within(d, e.Facts.Project); d = filepath.Dir(d) {
		rs = append(rs, moves(d, e.Marked("moved")))
	}
	if len(rs) == 0 {
		return attack.Inapplicable("it lies in the project's root")
	}
	return attack.FirstThrough(rs...)
}

// exchanges swaps a path with a file of the agent's, and back at once.
func exchanges(e *attack.Env, p string) attack.Result {
	evil := filepath.Join(filepath.Dir(p), e.Marked("evil"))
	if err := os.WriteFile(evil, []byte(attack.MarkerText), 0o600); err != nil {
		// In a folder that cannot be written, nothing can be renamed either.
		evil = filepath.Join(e.Facts.Project, e.Marked("evil"))
		if err := os.WriteFile(evil, []byte(attack.MarkerText), 0o600); err != nil {
			return attack.HeldBy("%s", attack.Plain(err))
		}
	}
	defer os.Remove(evil)
	err := unix.Renameat2(unix.AT_FDCWD, evil, unix.AT_FDCWD, p, unix.RENAME_EXCHANGE)
	if err == nil {
		if back := unix.Renameat2(unix.AT_FDCWD, evil, unix.AT_FDCWD, p, unix.RENAME_EXCHANGE); back != nil {
			return attack.Through("%s was replaced, and back: %v", p, back)
		}
	}
	return attack.Unless(err, "%s was replaced", p)
}
