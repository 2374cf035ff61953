package gitfront

import (
	"fmt"
	"strings"
)

const layered = "a jail with a layer can do all of it: --project-mode overlay"

// config refuses what would write the repository's configuration.
func (a *asker) config(does, instead string) *refusal {
	if !a.configHeld {
		return nil
	}
	return &refusal{Why: does + ", and .git/config is read-only in this jail", Instead: []string{"instead: " + instead, layered}}
}

// tracks refuses a new branch that git would note an upstream of.
func (a *asker) tracks(l line, name, start string) *refusal {
	if !a.configHeld || l.has("no-track") {
		return nil
	}
	full := ""
	if start != "" {
		full, _ = a.git("rev-parse", "--symbolic-full-name", "--end-of-options", start)
		full = strings.TrimPrefix(full, "--end-of-options\n") // git before 2.30 prints it
	}
	auto := a.setting("branch.autoSetupMerge")
	remote, local := strings.HasPrefix(full, "refs/remotes/"), strings.HasPrefix(full, "refs/heads/")
	if !l.has("t", "track") && (!remote || auto == "false") && (!local || auto != "always") {
		return nil
	}
	return a.config(fmt.Sprintf("it would note what %s tracks", name), "the same with --no-track")
}

// guessed is the remote's branch that git takes for a name that is none: where
// there is just one.
func (a *asker) guessed(name string) string {
	if name == "" || strings.ContainsAny(name, "*?[") {
		return ""
	}
	if _, ok := a.git("show-ref", "--verify", "--quiet", "refs/heads/"+name); ok || a.commit(name) {
		return ""
	}
	if found := a.lines("for-each-ref", "--format=%(refname:short)", "refs/remotes/*/"+name); len(found) == 1 {
		return found[0]
	}
	return ""
}

func push(a *asker, args []string) *refusal {
	l := read(args, "o", "push-option", "repo", "receive-pack", "exec")
	if l.has("u", "set-upstream") {
		return a.config("-u would note the branch's upstream", "git push without -u; the user can note it, on the host: git branch -u REMOTE/NAME NAME")
	}
	if b := a.branch(); a.configHeld && len(l.rest) < 2 && b != "" && a.setting("push.autoSetupRemote") == "true" && !a.section(b) {
		return a.config("push.autoSetupRemote would note the branch's upstream", "git -c push.autoSetupRemote=false push REMOTE "+b)
	}
	return nil
}

func branch(a *asker, args []string) *refusal {
	l := read(args, "u", "set-upstream-to", "sort", "format", "points-at")
	const noted = "what the branch tracks is noted there"
	switch {
	case l.has("d", "D", "delete"):
		for _, b := range l.rest {
			if !l.has("r", "remotes") && a.section(b) {
				return a.config(noted, "leave the branch to the user, or drop the name alone: git update-ref -d refs/heads/"+b)
			}
		}
	case len(l.rest) > 0 && l.has("m", "M", "move", "c", "C", "copy"):
		// git writes the file anew even where it has nothing of the branch.
		name := l.rest[len(l.rest)-1]
		instead := fmt.Sprintf("git branch --no-track %s %s", name, l.rest[0])
		if len(l.rest) == 1 {
			instead = "git switch --no-track -c " + name
		}
		return a.config("git notes the names of branches", instead+", and git branch -D for the old name")
	case len(l.rest) > 0 && !l.has("u", "set-upstream-to", "unset-upstream", "edit-description", "l", "list", "contains", "no-contains", "merged", "no-merged", "show-current", "points-at"):
		return a.tracks(l, l.rest[0], l.at(1, ""))
	}
	return nil
}

func submodule(a *asker, args []string) *refusal {
	for _, arg := range args {
		switch arg {
		case "add", "deinit":
			return a.config("submodules are noted there", "leave it to the user")
		case "-q", "--quiet":
			continue
		}
		break
	}
	return nil
}

func remote(a *asker, args []string) *refusal {
	if l := read(args, ""); len(l.rest) > 0 {
		switch l.rest[0] {
		case "add", "rename", "remove", "rm", "set-url", "set-branches":
			return a.config("remotes are noted there", "leave it to the user; fetch and push take a URL too")
		}
	}
	return nil
}
