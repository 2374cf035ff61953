package gitfront

import (
	"fmt"
	"slices"
	"strings"

	"github.com/jailed-claude/jailed-claude/spec/contract/brief"
)

// rules say of a command why it is refused, nil if it is not.
var rules map[string]func(*asker, []string) *refusal

func init() {
	rules = map[string]func(*asker, []string) *refusal{
		"push": push, "branch": branch, "submodule": submodule, "remote": remote, "worktree": worktree,
		"switch": switching, "checkout": checkout, "restore": restore, "reset": reset, "merge": merge,
		"cherry-pick": pick, "revert": pick, "rebase": rebase, "pull": pull, "stash": stash, "rm": remove, "mv": move, "bisect": bisect,
		"fetch": fetch,
	}
}

// trusted refuses what would change paths that are held.
func (a *asker) trusted(changed []string) *refusal {
	if len(changed) == 0 {
		return nil
	}
	const most = 3
	text := strings.Join(changed[:min(len(changed), most)], ", ")
	if more := len(changed) - most; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return &refusal{
		Why:     "it would change " + text + ", read-only in this jail",
		Instead: []string{"why: " + brief.Why + " " + changed[0], "leave it to the user, on the host; " + layered},
	}
}

func firstOf(all ...*refusal) *refusal {
	for _, r := range all {
		if r != nil {
			return r
		}
	}
	return nil
}

// to is a commit in the words of switch and checkout.
func to(rev string) string {
	if rev == "-" {
		return "@{-1}"
	}
	return rev
}

// goes refuses to go to a commit.
func (a *asker) goes(l line, rev string) *refusal {
	if rev == "" {
		return nil
	}
	if l.has("f", "force", "discard-changes") {
		return a.trusted(a.differ(rev)) // what is in the working tree counts
	}
	return a.trusted(a.differ("HEAD", rev))
}

func switching(a *asker, args []string) *refusal {
	l := read(args, "cC", "create", "force-create", "orphan", "conflict")
	if l.has("orphan") {
		return a.trusted(a.among("ls-files", "--full-name", "--", ":/"))
	}
	return a.switches(l, l.value("c", "C", "create", "force-create"))
}

func (a *asker) switches(l line, created string) *refusal {
	start := to(l.at(0, ""))
	if l.has("d", "detach") {
		return a.goes(l, start)
	}
	if created == "" && l.has("t", "track") {
		created = start
	}
	if created != "" {
		return firstOf(a.tracks(l, created, start), a.goes(l, start))
	}
	if from := a.guessed(start); from != "" && !l.has("no-guess") {
		if r := a.config(fmt.Sprintf("it would note what %s tracks", start), fmt.Sprintf("git switch --no-track -c %s %s", start, from)); r != nil {
			return r
		}
		start = from
	}
	return a.goes(l, start)
}

func checkout(a *asker, args []string) *refusal {
	l := read(args, "bB", "orphan", "conflict", "pathspec-from-file")
	created := l.value("b", "B")
	first := to(l.at(0, ""))
	switch {
	case l.has("orphan", "p", "patch"):
		return nil
	case len(l.paths) > 0:
		return a.restores(first, l.paths)
	case created == "" && !l.has("t", "track") && len(l.rest) > 0 && !a.commit(first) && (l.has("no-guess") || a.guessed(first) == ""):
		return a.restores("", l.rest)
	case created == "" && len(l.rest) > 1 && !l.has("t", "track"):
		return a.restores(first, l.rest[1:])
	}
	return a.switches(l, created)
}

func restore(a *asker, args []string) *refusal {
	l := read(args, "s", "source", "conflict", "pathspec-from-file")
	if l.has("S", "staged") && !l.has("W", "worktree") || l.has("p", "patch") {
		return nil
	}
	return a.restores(l.value("s", "source"), append(l.rest, l.paths...))
}

// restores refuses to take files from a commit or the index.
func (a *asker) restores(from string, files []string) *refusal {
	args := []string{"diff", "--name-only", "--no-renames", "--no-ext-diff"}
	if from != "" {
		args = append(args, from)
	}
	return a.trusted(a.among(slices.Concat(args, []string{"--"}, files)...))
}

func reset(a *asker, args []string) *refusal {
	l := read(args, "")
	if !l.has("hard", "merge", "keep") {
		return nil
	}
	return a.trusted(a.differ(l.at(0, "HEAD")))
}

// goesOn: the command is about one that has begun.
func (l line) goesOn() bool {
	return l.has("abort", "continue", "quit", "skip", "edit-todo", "show-current-patch")
}

func merge(a *asker, args []string) *refusal {
	l := read(args, "msXF", "strategy", "strategy-option", "file", "into-name", "cleanup")
	if l.goesOn() {
		return nil
	}
	if len(l.rest) == 0 {
		l.rest = []string{"@{upstream}"}
	}
	for _, rev := range l.rest {
		if r := a.trusted(a.differ("HEAD..." + to(rev))); r != nil {
			return r
		}
	}
	return nil
}

func pick(a *asker, args []string) *refusal {
	l := read(args, "mX", "strategy", "strategy-option", "mainline", "cleanup")
	if l.goesOn() || len(l.rest) == 0 {
		return nil
	}
	if !slices.ContainsFunc(l.rest, func(r string) bool { return strings.Contains(r, "..") || strings.HasPrefix(r, "^") }) {
		l.rest = append([]string{"--no-walk"}, l.rest...)
	}
	return a.trusted(a.commits(l.rest...))
}

func rebase(a *asker, args []string) *refusal {
	l := read(args, "sXxC", "onto", "strategy", "strategy-option", "exec", "whitespace", "empty")
	switch {
	case l.goesOn():
		return nil
	case l.has("root"):
		return a.trusted(a.commits(l.at(0, "HEAD")))
	}
	return a.rebases(l.at(0, "@{upstream}"), l.value("onto"), l.at(1, "HEAD"))
}

// rebases refuses to take the commits of a branch onto another.
func (a *asker) rebases(upstream, onto, branch string) *refusal {
	if onto == "" {
		onto = upstream
	}
	return a.trusted(append(a.differ("HEAD", onto), a.commits(upstream+".."+branch)...))
}

func fetch(a *asker, args []string) *refusal {
	if read(args, "").has("set-upstream") {
		return a.config("--set-upstream would note the branch's upstream", "git fetch without it")
	}
	return nil
}

// pull fetches first: what comes is not known before.
func pull(a *asker, args []string) *refusal {
	l := read(args, "sXjo", "strategy", "strategy-option", "depth", "deepen", "shallow-since", "shallow-exclude", "upload-pack", "refmap", "server-option", "jobs", "cleanup")
	if l.has("set-upstream") {
		return a.config("--set-upstream would note the branch's upstream", "git pull without it")
	}
	if len(a.held) == 0 || l.goesOn() {
		return nil
	}
	if _, ok := a.git(append([]string{"fetch", "--quiet"}, l.rest...)...); !ok {
		return nil
	}
	changed := a.differ("HEAD...FETCH_HEAD")
	how, given := l.options["rebase"]
	if !given && !l.has("r", "no-rebase") {
		if how = a.setting("branch." + a.branch() + ".rebase"); how == "" {
			how = a.setting("pull.rebase")
		}
		given = how != ""
	}
	if l.has("r") || given && how != "false" {
		changed = append(changed, a.commits("FETCH_HEAD..HEAD")...)
	}
	r := a.trusted(changed)
	if r != nil {
		r.Why += "; it was fetched"
	}
	return r
}

func stash(a *asker, args []string) *refusal {
	l := read(args, "m", "message", "pathspec-from-file")
	entry := l.at(1, "stash@{0}")
	if strings.Trim(entry, "0123456789") == "" {
		entry = "stash@{" + entry + "}"
	}
	switch l.at(0, "push") {
	case "pop", "apply":
		return a.trusted(a.differ(entry+"^1", entry))
	case "branch":
		return firstOf(a.goes(l, l.at(2, "stash@{0}")+"^1"), a.trusted(a.differ(l.at(2, "stash@{0}")+"^1", l.at(2, "stash@{0}"))))
	case "push", "save":
		if len(l.paths) == 0 && !l.has("p", "patch", "S", "staged") {
			return a.trusted(a.differ("HEAD"))
		}
	}
	return nil
}

func remove(a *asker, args []string) *refusal {
	l := read(args, "", "pathspec-from-file")
	if files := append(l.rest, l.paths...); !l.has("cached", "n", "dry-run") && len(files) > 0 {
		return a.trusted(a.among(append([]string{"ls-files", "--full-name", "--"}, files...)...))
	}
	return nil
}

func move(a *asker, args []string) *refusal {
	l := read(args, "")
	if files := append(l.rest, l.paths...); !l.has("n", "dry-run") && len(files) > 1 {
		return a.trusted(a.among(append([]string{"ls-files", "--full-name", "--"}, files[:len(files)-1]...)...))
	}
	return nil
}

// bisect goes back and forth between commits.
func bisect(a *asker, args []string) *refusal {
	l := read(args, "", "term-old", "term-new", "term-good", "term-bad")
	if l.at(0, "") != "start" || len(l.rest) < 3 {
		return nil
	}
	return a.trusted(a.commits(append([]string{l.rest[1], "--not"}, l.rest[2:]...)...))
}
