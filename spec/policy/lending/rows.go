package lending

import (
	"slices"

	"github.com/jailed-claude/jailed-claude/spec/network"
	"github.com/jailed-claude/jailed-claude/spec/policy/change"
	"github.com/jailed-claude/jailed-claude/spec/policy/key"
	"github.com/jailed-claude/jailed-claude/spec/policy/scalar"
)

// SSH is what the host's ssh agent signs for the jail.
type SSH struct {
	// Keys are fingerprints, or paths of .pub files of the host.
	Keys []string
	// Hosts are elements that network.ParseSSHHost reads.
	Hosts []string
	// Sign has network.SignGit, or nothing.
	Sign []string
}

// SSHLayer is what a layer says about SSH.
type SSHLayer struct {
	Keys, Hosts, Sign []string
}

// Bridges are as network.Bridges has them, BridgeOff or empty for none.
type Bridges struct {
	Open, Clipboard, IDE, Display string
	Notify                        bool
}

// BridgesLayer is what a layer says about Bridges.
type BridgesLayer struct {
	Open, Clipboard, IDE, Display *string
	Notify                        *bool
}

// SSHRows are the keys of [ssh].
func SSHRows() []key.Row[SSHLayer, SSH] {
	return []key.Row[SSHLayer, SSH]{
		{
			Key: key.Key{
				Name: "ssh.keys", Type: key.Strings,
				Text: "Keys of your ssh agent that the jail may use without having them: `SHA256:…`, or the path of a `.pub` file.",
			},
			Check:  scalar.SSHKey,
			Change: change.Meaning{Direction: change.Grants, Wider: "the jail uses this ssh key, without seeing it", Narrower: "the jail has no use of this ssh key"},
			Layer:  func(l *SSHLayer) any { return &l.Keys },
			Policy: func(p *SSH) any { return &p.Keys },
		},
		{
			Key: key.Key{
				Name: "ssh.hosts", Type: key.Strings,
				Text: "Hosts that the jail may log in to with them, as known_hosts has them: `github.com`, `git@github.com`, `git.example.com:2222`.",
			},
			Check:  scalar.SSHHost,
			Change: change.Meaning{Direction: change.Grants, Wider: "the jail logs in there as you", Narrower: "the jail does not log in there"},
			Layer:  func(l *SSHLayer) any { return &l.Hosts },
			Policy: func(p *SSH) any { return &p.Hosts },
		},
		{
			Key: key.Key{
				Name: "ssh.sign", Type: key.Strings,
				Text: "What the jail may sign with them besides: `git`, for commits and tags.",
			},
			Check:  scalar.SSHSign,
			Change: change.Meaning{Direction: change.Grants, Wider: "the jail signs commits and tags as you", Narrower: "the jail signs none of these"},
			Layer:  func(l *SSHLayer) any { return &l.Sign },
			Policy: func(p *SSH) any { return &p.Sign },
		},
	}
}

// BridgeRows are the keys of [bridges].
func BridgeRows() []key.Row[BridgesLayer, Bridges] {
	opens := []string{network.BridgeOff, network.BridgeAsk, network.BridgeAlways}
	reads := []string{network.BridgeOff, network.BridgeImages}
	displays := []string{network.BridgeOff, network.DisplayWayland, network.DisplayX11, network.DisplayX11Trusted}
	edits := []string{network.BridgeOff, network.IDEContext, network.IDEDiffs}
	return []key.Row[BridgesLayer, Bridges]{
		{
			Key:    key.Key{Name: "bridges.open", Type: key.String, Values: opens, Text: "Whether your browser opens pages (https) that the jail asks for: never, after your yes, or at once where the jail may connect itself. Never, if it is left out."},
			Change: change.Meaning{Direction: change.Ranked, Rank: ranked(opens), Wider: "your browser opens pages of the jail's choice", Narrower: "the jail opens fewer pages in your browser"},
			Layer:  func(l *BridgesLayer) any { return &l.Open },
			Policy: func(p *Bridges) any { return &p.Open },
		},
		{
			Key:    key.Key{Name: "bridges.clipboard", Type: key.String, Values: reads, Text: "Whether the jail reads images from the clipboard of your desktop, for pasting them. Text stays out of its reach. It reads none, if it is left out."},
			Change: change.Meaning{Direction: change.Ranked, Rank: ranked(reads), Wider: "the jail reads images that you copied", Narrower: "the jail reads nothing that you copied"},
			Layer:  func(l *BridgesLayer) any { return &l.Clipboard },
			Policy: func(p *Bridges) any { return &p.Clipboard },
		},
		{
			Key:    key.Key{Name: "bridges.notify", Type: key.Boolean, Default: "false", Text: "Whether the jail shows notifications on your desktop (`notify-send`)."},
			Change: change.Meaning{Direction: change.Ranked, Rank: []string{"false", "true"}, Wider: "the jail shows you text outside of its terminal", Narrower: "the jail shows you nothing outside of its terminal"},
			Layer:  func(l *BridgesLayer) any { return &l.Notify },
			Policy: func(p *Bridges) any { return &p.Notify },
		},
		{
			Key:    key.Key{Name: "bridges.ide", Type: key.String, Values: edits, Text: "Whether Claude Code finds the window of your editor that has the project open: not, for what you mark there and what is wrong in files that the jail has (`context`), or for diffs of files that it writes, too. Not, if it is left out."},
			Change: change.Meaning{Direction: change.Ranked, Rank: ranked(edits), Wider: "the jail speaks to your editor", Narrower: "the jail has less to say to your editor"},
			Layer:  func(l *BridgesLayer) any { return &l.IDE },
			Policy: func(p *Bridges) any { return &p.IDE },
		},
		{
			Key:    key.Key{Name: "bridges.display", Type: key.String, Values: displays, Text: "Whether programs of the jail open windows on your display: not, by Wayland, by X11 as clients that it does not trust, or as clients like your own, which read all keys and see all windows. Not, if it is left out."},
			Change: change.Meaning{Direction: change.Ranked, Rank: ranked(displays), Wider: "the jail has more of your display", Narrower: "the jail has less of your display"},
			Layer:  func(l *BridgesLayer) any { return &l.Display },
			Policy: func(p *Bridges) any { return &p.Display },
		},
	}
}

// ranked has nothing, which a policy need not say, beside the first of values,
// which is nothing.
func ranked(values []string) []string { return slices.Insert(slices.Clone(values), 1, "") }
