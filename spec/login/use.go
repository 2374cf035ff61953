package login

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/jailed-claude/jailed-claude/internal/hint"
	"github.com/jailed-claude/jailed-claude/internal/show"
	"github.com/jailed-claude/jailed-claude/spec"
	"github.com/jailed-claude/jailed-claude/spec/agent"
	"github.com/jailed-claude/jailed-claude/spec/host"
)

// Use says by what an agent is somebody in the jails of a project. No secret is
// in it.
type Use struct {
	Agent string `json:"agent"`
	// Kind is one of the constants.
	Kind Kind `json:"kind"`
	// What is a variable, a broker or a folder.
	What string `json:"what,omitempty"`
	// Plan is the user's, where the login says it, and Until when the access
	// token ends; it is refreshed then.
	Plan  string     `json:"plan,omitempty"`
	Until *time.Time `json:"until,omitempty"`
}

// Kind is what a Use is.
type Kind string

// Kinds.
const (
	byKey     Kind = "key"     // of a variable; it stays outside
	byBroker  Kind = "broker"  // of the policy
	ofHost    Kind = "host"    // the login of the host; it stays outside
	ofProject Kind = "project" // a login that was made inside; it stays outside
	inside    Kind = "inside"  // what the jail has itself
	none      Kind = "none"
)

// UseOf is what the agent of a jail uses. Of in, it needs the policy, the
// environment, the home and the state of the project.
func UseOf(in *spec.Input) (u Use, warnings []string) {
	a := in.Policy.Agent.Row()
	u = Use{Agent: a.Name, Kind: none}
	for _, b := range in.Policy.Brokers {
		if slices.ContainsFunc(a.Keys, func(k agent.Key) bool {
			return b.Name == k.Broker || b.Env != "" && b.Env == cmp.Or(k.Inside, k.Variable)
		}) {
			u.Kind, u.What = byBroker, b.Name
			return u, nil
		}
	}
	if !staysOutside(in) {
		u.Kind = inside
		return u, nil
	}
	if len(in.Env.Keys) > 0 {
		u.Kind, u.What = byKey, in.Env.Keys[0]
		return u, nil
	}
	warnings = Choose(in)
	show := func(kind Kind, p Place) {
		l, err := p.show()
		if u.Kind, u.What = kind, underHome(in, p.Dir); err != nil {
			return
		}
		if u.Plan = l.Plan; !l.Expires.IsZero() {
			at := l.Expires.UTC().Truncate(time.Second)
			u.Until = &at
		}
	}
	if isClaude(in) {
		switch {
		case Own(claudeLogins(), spec.PrivateConfig(in.Host), loginPlaceholder()):
			u.Kind, u.What = inside, underHome(in, spec.PrivateConfig(in.Host))
		case in.Env.Login == "":
		case in.Env.Login == in.Env.Keep:
			show(ofProject, keptPlace(in))
		default:
			show(ofHost, hostPlace(in))
		}
		return u, warnings
	}
	private := a.Kept(in.Host.ProjectState)
	for i, l := range a.Logins {
		p := place(in, a, l)
		if Own(p.Format, private[l.Folder], l.Placeholder()) {
			u.Kind, u.What = inside, underHome(in, private[l.Folder])
		} else if in.Env.Logins[i] != "" {
			show(ofHost, p)
		}
	}
	return u, warnings
}

// String is for people.
func (u Use) String() string {
	about := ""
	if u.Plan != "" {
		about += " (" + show.Line(u.Plan) + ")"
	}
	if u.Until != nil {
		about += ", refreshed outside; the token is good until " + u.Until.Format("2006-01-02 15:04 UTC")
	}
	switch u.Kind {
	case byKey:
		return u.What + ", which stays outside"
	case byBroker:
		return fmt.Sprintf("the broker %q of the policy", u.What)
	case ofHost:
		return "the login of the host, " + show.Visible(u.What) + about
	case ofProject:
		return "the login of this project, " + show.Visible(u.What) + about
	case inside:
		if u.What == "" {
			return "what it has itself: by the policy nothing is kept outside"
		}
		return "a login of its own in " + show.Visible(u.What) + ", which it can read"
	}
	return "none: log in on this host or inside"
}

// Print writes a table.
func Print(w io.Writer, uses []Use) error {
	t := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	fmt.Fprintln(t, "AGENT\tUSES")
	for _, u := range uses {
		fmt.Fprintf(t, "%s\t%s\n", u.Agent, u)
	}
	return t.Flush()
}

// ForLogin makes a jail one in which its agent logs in, and nothing else: what
// comes of that is kept for the project or, with ofHost, in the agent's own
// folder on the host.
func ForLogin(in *spec.Input, ofHost bool) error {
	a := in.Policy.Agent.Row()
	switch {
	case len(a.LogIn) == 0 && len(a.Logins) > 0:
		return hint.Add(fmt.Errorf("no login of %s can be made in a jail and kept outside", a.Title), "log in on this host, with "+a.Programs[0]+" itself: its jails use that login, and do not have it")
	case len(a.LogIn) == 0:
		return hint.Add(fmt.Errorf("no login of %s can be kept outside", a.Title), "log in inside: jailed-claude run "+a.Name)
	case !staysOutside(in):
		return hint.Add(errors.New("by this policy no login is kept outside"), `it takes agent.key = "auto", agent.config = "private", and a network that is not the host's`)
	}
	in.Env.Keys, in.Env.Login, in.Env.LogIn = nil, "", true
	in.Env.Keep = keptPlace(in).Dir
	if ofHost {
		in.Env.Keep = hostPlace(in).Dir
	}
	in.Args = slices.Concat(a.LogIn, in.Args)
	return nil
}

// KeptIn is the folder of the login that was made in a jail of a project, whose
// state is in that folder.
func KeptIn(state string) string {
	return spec.KeptLogin(host.Facts{ProjectState: state}, agent.Default())
}

// ErrNoLogin is returned where a project has no login of its own.
var ErrNoLogin = fmt.Errorf("this project has no login of its own: %w", fs.ErrNotExist)

// Endpoint is where logins of Claude Code are ended.
func Endpoint() string {
	for _, k := range agent.Default().Keys {
		if k.Tokens != nil {
			return strings.TrimSuffix(k.Tokens.Upstream, "/") + k.Tokens.Revoke
		}
	}
	return ""
}
