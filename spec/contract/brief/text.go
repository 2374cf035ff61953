package brief

import (
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/jailed-claude/jailed-claude/internal/paths"
	"github.com/jailed-claude/jailed-claude/spec/network"
)

// maxWords is how long a Text is at most.
const maxWords = 300

const (
	most    = 8   // elements of a list are named
	longest = 120 // bytes of a name
)

// Text is what the agent reads: where it is, what it cannot do, and how to ask.
//
// An agent takes it for the word of whoever runs the machine. So of a project it
// has no name that the project could have chosen but those of its own folders'
// first two levels, in plain characters: nothing there is a sentence.
func (f Facts) Text() string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("# You run in a jail (jailed-claude)\n")
	line("The user set it up. Do not work around it: say what you need and why.\n")
	f.project(line)
	if n := len(f.Hidden); n > 0 {
		line("- Hidden by the user: %s of the project, which read as empty.", count(n, "path"))
	}
	line("- Home `%s` began empty and vanishes with the jail, as do `/tmp` and installed programs.%s", plain(f.Home), f.kept())
	if read := f.others(ReadOnly); len(read) > 0 {
		line("- Readable: %s.", list(read))
	}
	if write := f.others(ReadWrite); len(write) > 0 {
		line("- Writable: %s.", list(write))
	}
	line("- Nothing else of the host's files is here: what is missing may exist outside.")
	f.network(line)
	line("- Why something is refused: `%s PATH` or `%s HOST[:PORT]`%s.", Why, Why, f.live())
	at := "to start the jail with `--allow NAME`, `--read PATH` or `--write PATH`"
	switch {
	case f.Network.Fixed:
		at = "to start the jail with `--read PATH` or `--write PATH`; the names of the network are those of this machine's policy, to which the user adds none"
	case f.Live:
		at = "to run `jailed-claude allow NAME` outside (at once), or " + at
	}
	line("- To get more, ask the user %s.", at)
	line("- For scripts: `%s`, and the variable %s.", FactsPath, Variable)
	return b.String()
}

// TextAs is the text, as the value of a key in TOML if there is one.
func (f Facts) TextAs(key string) (string, error) {
	text := f.Text()
	if key == "" {
		return text, nil
	}
	quoted, err := json.Marshal(text) // a string of JSON is one of TOML
	return key + " = " + string(quoted) + "\n", err
}

func (f Facts) live() string {
	if !f.Live {
		return ""
	}
	return "; refused destinations are in `" + RefusedPath + "`"
}

func (f Facts) project(line func(string, ...any)) {
	m := f.at(f.Project)
	if m.Mode == Layer {
		line("- Project `%s`: write all of it, `.git` too. It is a layer: the user reviews and applies what you change and commit. "+
			"rename(2) of a folder fails with EXDEV: `mv` copes, `git mv FOLDER NEW` does not: `mv FOLDER NEW && git add -A FOLDER NEW`. "+worktrees, plain(f.Project))
		return
	}
	if m.Mode != ReadWrite {
		line("- Project `%s`: read-only. Writing fails with EROFS.", plain(f.Project))
		return
	}
	var names []string
	for _, p := range f.Protected {
		rel, below := strings.CutPrefix(p.Path, f.Project+"/")
		if below && strings.Count(rel, "/") < 2 && plain(rel) == rel && !slices.Contains(names, rel) {
			names = append(names, rel)
		}
	}
	line("- Project `%s`: read and write.", plain(f.Project))
	if n := len(f.Protected); n > 0 {
		text := list(names)
		switch more := n - len(names); {
		case len(names) == 0:
			text = count(n, "path")
		case more > 0:
			text += ", and " + count(more, "path") + " more"
		}
		line("- Read-only, since the host executes or trusts it: %s. Writing fails with EROFS, renaming or deleting with EBUSY.", text)
		if slices.Contains(names, ".git/config") {
			line("- `git` refuses, by name, what would change those in the working tree or write `.git/config` (push -u, branch -m, --track, remote add, submodule add): do as it says, or leave it to the user. " + worktrees)
		}
	}
}

const worktrees = "`git worktree add` goes into the project, and not beside it."

// kept is what of the home stays.
func (f Facts) kept() string {
	var kept []string
	for _, m := range f.Mounts {
		if rel, below := strings.CutPrefix(m.Path, f.Home+"/"); below && m.Mode == ReadWrite && f.isConfig(m) {
			kept = append(kept, "~/"+rel)
		}
	}
	if len(kept) == 0 {
		return ""
	}
	return " Kept for this project: " + list(kept) + "."
}

// isConfig: the mount has a reason of its own, and is neither the project nor a
// grant.
func (f Facts) isConfig(m Mount) bool {
	return m.Why != "" && m.Why != granted && !paths.Below(m.Path, f.Project)
}

// granted is why a path is there that the policy names.
const granted = "granted by policy"

// others are the grants of a mode outside of the project.
func (f Facts) others(mode string) (names []string) {
	for _, m := range f.Mounts {
		if m.Mode == mode && m.Why == granted && !paths.Below(m.Path, f.Project) {
			names = append(names, m.Path)
		}
	}
	return names
}

func (f Facts) network(line func(string, ...any)) {
	n := f.Network
	switch n.Mode {
	case network.Host:
		line("- Network: the host's.")
	case network.None:
		line("- Network: none.")
	case network.Filtered:
		others := "Other names do not resolve"
		if n.Ask {
			others = "Connections to other names wait up to a minute for the user's yes: tell the user which and why"
		}
		what := "nothing but " + list(n.Allow)
		if len(n.Allow) == 0 {
			what = "no name is allowed so far"
		}
		line("- Network: %s. %s, connections to addresses are reset; no UDP, no ping.", what, others)
	default:
		also := ""
		if len(n.Allow) > 0 {
			also = ", and " + list(n.Allow)
		}
		line("- Network: the public internet by TCP%s. No service of the host, no private address; no UDP, no ping.", also)
	}
	if len(n.HostPorts) > 0 {
		var at []string
		for _, p := range n.HostPorts {
			at = append(at, fmt.Sprintf("localhost:%d", p))
		}
		line("- Of the host, at your own localhost: %s.", list(at))
	}
	if f.ownAddresses() {
		line("- Names have addresses in 198.18.0.0/15: a tool that calls an allowed name private or blocked needs `[network] addresses = \"real\"` in the user's policy.")
	}
	if n.Via == network.ViaProxy {
		line("- Only programs that honour HTTPS_PROXY reach anything.")
	}
	if what := bridges(n.Bridges); len(what) > 0 {
		line("- From the user's desktop: %s.", strings.Join(what, "; "))
	}
	var hosts []string
	for _, b := range n.Brokers {
		hosts = append(hosts, path.Base(b.URL))
		if b.Host != "" {
			hosts[len(hosts)-1] = b.Host
		}
	}
	if len(hosts) > 0 {
		line("- Keys for %s stay outside: placeholders are right as they are, the real key is added on the way.", list(hosts))
	}
}

// ownAddresses: names that are allowed have addresses of the jail's own.
func (f Facts) ownAddresses() bool {
	n := f.Network
	return (n.Mode == network.Internet || n.Mode == network.Filtered && (len(n.Allow) > 0 || n.Ask)) && n.Via == network.ViaRedirect && n.Addresses != network.AddressesReal
}

// bridges are what the desktop does for programs of the jail.
func bridges(b *network.Bridges) (what []string) {
	if b == nil {
		return nil
	}
	switch b.Open {
	case network.BridgeAsk:
		what = append(what, "`xdg-open URL` opens pages after a yes")
	case network.BridgeAlways:
		what = append(what, "`xdg-open URL` opens pages")
	}
	if b.Clipboard != "" {
		what = append(what, "`xclip`, `wl-paste` read copied images")
	}
	if b.IDE != "" {
		what = append(what, "`/ide` finds the user's editor")
	}
	if b.Display != "" {
		what = append(what, "windows")
	}
	if b.Notify {
		what = append(what, "`notify-send` notifies")
	}
	return what
}

// list names some of many, in plain characters.
func list(names []string) string {
	if len(names) == 0 {
		return "nothing"
	}
	shown := names[:min(len(names), most)]
	quoted := make([]string, 0, len(shown))
	for _, n := range shown {
		quoted = append(quoted, "`"+plain(n)+"`")
	}
	text := strings.Join(quoted, ", ")
	if more := len(names) - len(shown); more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// plain is s without what is neither part of a usual path nor of a rule, and
// not longer than such a one: it can break out of no quotes, and is no prose.
func plain(s string) string {
	s = strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("/._-+@:*~[]{}$", r) {
			return r
		}
		return '?'
	}, s)
	if len(s) > longest {
		s = s[:longest] + "…"
	}
	return s
}
