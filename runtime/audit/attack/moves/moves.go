package moves

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/runtime/audit/attack"
)

const class = "host moves"

// move is something that the host does beside a jail, and what the agent tries
// then.
type move struct {
	name, source string
	// path is what is protected or hidden, in the folder of the attack.
	path string
	// repository: the folder is one of git.
	repository bool
	// lay makes what is there first; nil: a file.
	lay  func(s *Stage, p string) error
	host func(s *Stage, p string) error
	// then is tried when the path is covered again; nil: nothing more than to open
	// it.
	then func(e *attack.Env, p string) attack.Result
	// still: nothing of it takes a mount away (it goes along with what is moved), so
	// that there is nothing to say.
	still bool
}

// at is the path in the folder of all attacks; false if the policy hides nothing
// of the kind.
func (m *move) at(dir string, hides map[string]string) (string, bool) {
	p := m.path
	for kind, name := range map[string]string{hiddenFile: hides[hiddenFile], hiddenFolder: hides[hiddenFolder]} {
		if strings.Contains(p, kind) && name == "" {
			return "", false
		}
		p = strings.ReplaceAll(p, kind, name)
	}
	return filepath.Join(dir, m.name, p), true
}

func (m *move) hidden() bool { return strings.Contains(m.path, "{") }

// moves are all of them. Folders are at most two deep below that of the attack:
// there the search of the start still comes.
var moves = []move{
	{name: "host-rename", source: "rename(2): most editors save so", path: ".envrc", host: byRename(".tmp")},
	{name: "host-sed", source: "sed(1) -i", path: ".mcp.json", host: byRename("sedXy12ab")},
	{name: "host-git-config", source: "git-config(1)", path: ".git/config", repository: true, host: byRename(".lock")},
	{name: "host-unlink", source: "unlink(2)", path: "mise.toml", host: again(0)},
	{name: "host-unlink-later", source: "unlink(2); a folder without the file for a while", path: ".mise.toml", host: again(50 * time.Millisecond)},
	{name: "host-backup", source: "'backupcopy' of Vim", path: ".claude/settings.json", host: backup},
	{name: "host-backup-link", source: "break-hardlink-on-save of Emacs", path: ".dir-locals.el", host: byLink},
	{name: "host-exchange", source: "renameat2(2), RENAME_EXCHANGE", path: ".exrc", host: exchange},
	{name: "host-away-and-back", source: "rename(2)", path: ".nvim.lua", host: awayAndBack, still: true},
	{name: "host-link-for-a-moment", source: "symlink(2): nothing can be mounted on one", path: ".nvimrc", host: linkForAMoment},
	{name: "host-often", source: "an editor that saves at every key", path: ".autoenv.zsh", host: often(50)},
	{name: "host-truncate", source: "open(2), O_TRUNC: nano, 'backupcopy' yes", path: ".envrc", host: write, still: true},
	{name: "host-switch", source: "git-switch(1) to a branch without the folder, and back", path: "pkg/.envrc", host: folderAgain},
	{name: "host-folder", source: "rm -r", path: ".vscode/tasks.json", host: folderAgain},
	{name: "host-folder-copy", source: "cp -r", path: ".idea/workspace.xml", host: folderCopied},
	{name: "host-folder-exchange", source: "renameat2(2), RENAME_EXCHANGE", path: ".zed/tasks.json", host: folderExchanged},
	{name: "host-folder-away-and-back", source: "rename(2)", path: ".devcontainer/devcontainer.json", host: onFolder(awayAndBack), still: true},
	{name: "host-git-copy", source: "a .git that is restored from a copy", path: ".git/config", repository: true, host: folderCopied},
	{name: "host-git-hooks", source: "githooks(5)", path: ".git/hooks/pre-commit", repository: true, host: folderAgain},
	{name: "host-ancestor", source: "rename(2) of a folder takes the mounts below along", path: "a/b/.envrc", host: onFolder(onFolder(func(_ *Stage, p string) error { return copied(p) }))},
	{name: "host-deep", source: "rename(2)", path: "a/b/.claude/settings.json", host: byRename("~")},
	{name: "host-deep-settings", source: "rm -r", path: "a/b/.vscode/settings.json", host: folderAgain},

	inBetween, madeAnew,

	{name: "host-then-unlink", source: "unlink(2)", path: ".envrc", host: byRename("~"), then: func(_ *attack.Env, p string) attack.Result { return attack.Unless(os.Remove(p), "it was removed") }},
	{name: "host-then-move", source: "rename(2)", path: ".envrc", host: byRename("~"), then: func(_ *attack.Env, p string) attack.Result {
		return attack.Unless(os.Rename(p, p+".moved"), "it was moved")
	}},
	{name: "host-then-move-folder", source: "rename(2)", path: "pkg/.envrc", host: folderAgain, then: movesFolder},
	{name: "host-then-replace", source: "rename(2)", path: ".envrc", host: again(0), then: func(e *attack.Env, p string) attack.Result {
		own := filepath.Join(filepath.Dir(p), e.Marked("own"))
		if err := os.WriteFile(own, []byte(attack.MarkerText), 0o600); err != nil {
			return attack.HeldBy("%s", attack.Plain(err))
		}
		return attack.Unless(os.Rename(own, p), "it was replaced")
	}},
	{name: "host-then-link", source: "link(2)", path: ".envrc", host: backup, then: func(_ *attack.Env, p string) attack.Result {
		if err := os.Link(p, p+".link"); err != nil {
			return attack.HeldBy("%s", attack.Plain(err))
		}
		return attack.Opens(p+".link", os.O_WRONLY)
	}},
	{name: "host-then-mode", source: "chmod(2)", path: ".envrc", host: exchange, then: func(_ *attack.Env, p string) attack.Result {
		return attack.Unless(os.Chmod(p, 0o700), "its mode was set")
	}},

	{name: "host-hidden-rename", source: "rename(2)", path: hiddenFile, host: byRename(".tmp")},
	{name: "host-hidden-unlink", source: "unlink(2)", path: hiddenFile, host: again(0)},
	{name: "host-hidden-unlink-later", source: "unlink(2)", path: hiddenFile, host: again(50 * time.Millisecond)},
	{name: "host-hidden-backup", source: "'backupcopy' of Vim", path: hiddenFile, host: backup},
	{name: "host-hidden-exchange", source: "renameat2(2), RENAME_EXCHANGE", path: hiddenFile, host: exchange},
	{name: "host-hidden-often", source: "an editor that saves at every key", path: hiddenFile, host: often(50)},
	{name: "host-hidden-deep", source: "rename(2)", path: "a/b/" + hiddenFile, host: byRename("~")},
	{name: "host-hidden-ancestor", source: "rename(2) of a folder takes the mounts below along", path: "a/" + hiddenFile, host: folderCopied},
	{name: "host-hidden-folder", source: "rm -r", path: hiddenFolder + "/key", host: folderAgain},
	{name: "host-hidden-folder-copy", source: "cp -r", path: hiddenFolder + "/key", host: folderCopied},
	{name: "host-hidden-folder-exchange", source: "renameat2(2), RENAME_EXCHANGE", path: "a/" + hiddenFolder + "/key", host: folderExchanged},

	{name: "host-socket", source: "a server that starts again", path: "s", lay: socket, host: socketAgain, then: visit},
	{name: "host-socket-rename", source: "systemd.socket(5): made elsewhere, and moved", path: "s", lay: socket, host: func(s *Stage, p string) error {
		if err := socket(s, p+".new"); err != nil {
			return err
		}
		return os.Rename(p+".new", p)
	}, then: visit},
	{name: "host-socket-deep", source: "a server that starts again", path: "run/app/s", lay: socket, host: socketAgain, then: visit},
}

// HostMoveAttacks wait until the host replaces what is covered.
func HostMoveAttacks() []attack.Attack {
	var all []attack.Attack
	for _, m := range moves {
		if m.name == inBetween.name || m.name == madeAnew.name {
			continue
		}
		promise, success := attack.PromisePersistence, "what the host puts in the place of a protected file can be changed, or nothing is said of it"
		switch {
		case m.hidden():
			promise, success = attack.PromiseHidden, "what the host puts in the place of a hidden file can be read, or nothing is said of it"
		case m.lay != nil:
			promise, success = attack.PromiseServices, "a socket that a program of the host makes anew takes connections, or nothing is said of it"
		}
		all = append(all, attack.Attack{Name: m.name, Class: class, Promise: promise, Source: m.source, Success: success, Run: m.run, Judge: m.judge})
	}
	return append(all, between(), anew())
}

// cover is how long a cover may take: a machine under load is no hole. Where nobody
// covers anything there is not much to wait for.
var cover = 2 * time.Second

// covered is what begins the detail of an attack that a mount on its very path has
// stopped. It has to be named at the end.
const covered = "covered again: "

func (m *move) run(e *attack.Env) attack.Result {
	p, ok := m.at(e.Stage, e.Hidden)
	switch {
	case !ok:
		return attack.Inapplicable("the policy hides nothing of the kind in every folder")
	case e.Stage == "":
		return attack.Inapplicable("the project takes no files of the caller's")
	case e.Facts.Layer:
		return attack.Inapplicable("the project is seen through a layer, in which nothing of the host's is held in place")
	case e.Facts.ReadOnly && !m.hidden() && m.lay == nil:
		return attack.Inapplicable("the project is read-only")
	case !attack.Exists(filepath.Dir(p)):
		return attack.HeldBy("the project is not there")
	}
	if err := ask(e, m.name); err != nil {
		return attack.Failure("%v", err)
	}
	// It asks before it opens: a file that is open when it is covered, and stays so
	// for the moment that a busy machine takes to come back, ends the jail.
	open := func() attack.Result {
		fi, err := os.Lstat(p)
		switch {
		case m.hidden() && err == nil && fi.Size() > 0:
			return attack.Through("there is something to read")
		case m.hidden():
			return e.Reads(p)
		case m.lay != nil:
			return visit(e, p)
		case err != nil:
			return attack.Through("what the host made is not there")
		case unix.Faccessat(unix.AT_FDCWD, p, unix.W_OK, unix.AT_EACCESS) == nil:
			return attack.Through("it can be written")
		}
		return attack.Opens(p, os.O_WRONLY)
	}
	r := open()
	for end := time.Now().Add(cover); r.Verdict == attack.GotThrough && time.Now().Before(end); r = open() {
		time.Sleep(5 * time.Millisecond)
	}
	if r.Verdict == attack.GotThrough {
		cover = max(cover/2, moment)
	}
	if m.then != nil && r.Verdict == attack.Held {
		r = m.then(e, p)
	}
	if r.Verdict == attack.Held && !m.still && (m.hidden() || takes(e, filepath.Join(e.Stage, m.name))) {
		r.Detail = covered + r.Detail
	}
	return r
}

// takes: a folder takes new files, so that only a mount on one of them holds it.
func takes(e *attack.Env, dir string) bool {
	p := filepath.Join(dir, e.Marked("take"))
	if os.WriteFile(p, nil, 0o600) != nil {
		return false
	}
	_ = os.Remove(p)
	return true
}

// judge: what was covered again is named, and what the jail put there first is to be
// reviewed.
func (m *move) judge(w attack.Witness, r attack.Result) attack.Result {
	p, ok := m.at(w.Told().Stage, w.Told().Hidden)
	switch {
	case !ok || r.Verdict != attack.Held:
		return r
	case written(w, p):
		return reviewed(w, p)
	case strings.HasPrefix(r.Detail, covered) && !named(w, p):
		return attack.Through("it was covered again, without a word at the end")
	}
	return r
}

// named: the end of the jail says something of a path, or of a folder on the way
// to it.
func named(w attack.Witness, p string) bool {
	for ; attack.Within(p, w.Told().Stage) && p != w.Told().Stage; p = filepath.Dir(p) {
		if w.Said("  \"" + p + "\": ") {
			return true
		}
	}
	return false
}

func visit(e *attack.Env, p string) attack.Result {
	address, done, err := short(p)
	if err != nil {
		return attack.HeldBy("%s", attack.Plain(err))
	}
	defer done()
	c, err := net.DialTimeout("unix", address, time.Second)
	if err != nil {
		return attack.HeldBy("%s", attack.Plain(err))
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(time.Second))
	return e.ReadsFrom(c, "the socket")
}
