package claude

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/internal/beneath"
	"github.com/jailed-claude/jailed-claude/internal/show"
	"github.com/jailed-claude/jailed-claude/spec/claude/account"
	"github.com/jailed-claude/jailed-claude/spec/claude/folder"
	"github.com/jailed-claude/jailed-claude/spec/claude/object"
)

// Options of Seed.
type Options struct {
	// Host is where the host's configuration is.
	Host folder.Host
	// State is jailed-claude's state folder; PrivateDir in it is seeded. It
	// has to exist.
	State string
	// Project is the folder that the first jail is for. Claude trusts it
	// inside if the host's does.
	Project string
	// APIKey is the key that the policy passes into the jail. Claude does not
	// ask about it if it was approved on the host.
	APIKey string
	// Placeholder stands in the jail for a key that stays outside. Claude does
	// not ask about it, at any run, unless its user said no once.
	Placeholder string
	// Login copies the host's login as well.
	Login bool
}

// Report says what Seed did.
type Report struct {
	// Seeded is what was copied, in words for the user; empty if this is not
	// the first run, or there was nothing to copy.
	Seeded []string
	// First: this is the first run. Left says what it left out.
	First bool
	Left  string
	// Login: the host's login was copied.
	Login bool
	// Warnings say what was not copied and why, one line each.
	Warnings []string
}

// Notes are lines for the user: what was copied, which only a terminal needs to
// know, and what follows from a login.
func (r Report) Notes(terminal bool) (lines []string) {
	if len(r.Seeded) > 0 && terminal {
		lines = append(lines, "first run: copied from your own configuration: "+show.Line(strings.Join(r.Seeded, ", ")))
	}
	if r.Left != "" && terminal {
		lines = append(lines, r.Left)
	}
	if r.Login {
		lines = append(lines, "the login was copied: the agent can use it and send it away. Refresh tokens rotate, so the two",
			"copies will log each other out; /login inside the jail gives it a login of its own")
	}
	return lines
}

// Seed prepares the private configuration. It does nothing but for the first
// run, and what Login and Placeholder ask for.
func Seed(o Options) (Report, error) {
	var r Report
	state, err := beneath.Dir(o.State)
	if err != nil {
		return r, fmt.Errorf("state folder: %w", err)
	}
	defer state.Close()
	first, err := firstRun(state)
	if err != nil || (!first && !o.Login && o.Placeholder == "") {
		return r, err
	}
	// Two first runs at once: one seeds, one waits.
	if err := unix.Flock(int(state.Fd()), unix.LOCK_EX); err != nil {
		return r, fmt.Errorf("lock the state folder: %w", err)
	}
	if err := unix.Mkdirat(int(state.Fd()), PrivateDir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return r, fmt.Errorf("make %s: %w", PrivateDir, err)
	}
	private, err := beneath.Open(state, PrivateDir, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return r, fmt.Errorf("%s: %w", PrivateDir, err)
	}
	defer private.Close()
	if first, err = firstRun(state); err != nil {
		return r, err
	}
	c := collect(o)
	if first {
		r.Warnings = c.warnings
		if err := place(state, private, c.files); err != nil {
			return r, err
		}
		r.Seeded, r.First = c.words, true
	}
	if err := account.Approve(private, o.Placeholder); err != nil {
		r.Warnings = append(r.Warnings, fmt.Sprintf("the agent will ask about its key, to which yes is the answer: %s: %v", show.Line(path.Join(PrivateDir, folder.GlobalJSON)), err))
	}
	if o.Login {
		r.Login, err = account.Copy(o.Host, private, c.account)
	}
	return r, err
}

// firstRun: nothing was seeded yet, not to the end, and Claude has not been
// there; or the user has emptied the folder.
func firstRun(state *os.File) (bool, error) {
	m, err := loadManifest(state)
	if err != nil {
		return false, err
	}
	if m != nil && !m.Complete {
		return true, nil
	}
	if m != nil {
		private, err := beneath.Open(state, PrivateDir, unix.O_RDONLY|unix.O_DIRECTORY, 0)
		if errors.Is(err, fs.ErrNotExist) {
			return true, nil
		}
		if err != nil {
			return false, fmt.Errorf("%s: %w", PrivateDir, err)
		}
		defer private.Close()
		_, err = private.Readdirnames(1)
		if err != nil && !errors.Is(err, io.EOF) {
			return false, fmt.Errorf("%s: %w", PrivateDir, err)
		}
		return err != nil, nil
	}
	for _, name := range []string{folder.GlobalJSON, folder.SettingsJSON} {
		var st unix.Stat_t
		switch err := unix.Fstatat(int(state.Fd()), path.Join(PrivateDir, name), &st, unix.AT_SYMLINK_NOFOLLOW); {
		case err == nil:
			return false, nil
		case !errors.Is(err, fs.ErrNotExist):
			return false, fmt.Errorf("look at %s: %w", path.Join(PrivateDir, name), err)
		}
	}
	return true, nil
}

// collected is what a first run gets.
type collected struct {
	files    map[string]folder.File
	words    []string
	warnings []string
	account  json.RawMessage // whose login it is; no secret
}

// collect reads the host's configuration. What cannot be read is left out,
// with a warning.
func collect(o Options) *collected {
	c := &collected{files: map[string]folder.File{}}
	warn := func(name string, err error) {
		c.warnings = append(c.warnings, fmt.Sprintf("%s is not taken over: %v", show.Line(name), err))
	}
	if f, name, err := o.Host.Global(); err == nil {
		if err := c.global(f.Data, o); err != nil {
			warn(name, err)
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		warn(name, err)
	}
	if f, err := o.Host.Read(folder.SettingsJSON, folder.MaxFile); err == nil {
		if err := c.settings(f.Data); err != nil {
			warn(o.Host.Path(folder.SettingsJSON), err)
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		warn(o.Host.Path(folder.SettingsJSON), err)
	}
	files := folder.Names(false, seeded)
	for _, top := range folder.Names(true, seeded) {
		in, err := o.Host.Names(top)
		if err != nil {
			warn(o.Host.Path(top), err)
		}
		files = append(files, in...)
	}
	total := 0
	count := map[string]int{}
	for _, name := range files {
		f, err := o.Host.Read(name, folder.MaxFile)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil:
			warn(o.Host.Path(name), err)
			continue
		case total+len(f.Data) > folder.MaxAll:
			warn(o.Host.Path(name), beneath.ErrLarge)
			continue
		}
		total += len(f.Data)
		f.Exec = false
		c.files[name] = f
		top, _, below := strings.Cut(name, "/")
		if below {
			top += "/"
		}
		if count[top]++; count[top] == 1 {
			c.words = append(c.words, top)
		}
	}
	return c
}

// global is what a first run gets of .claude.json.
func (c *collected) global(text []byte, o Options) error {
	ms, err := object.Parse(text)
	if err != nil {
		return err
	}
	c.account = object.Get(ms, "oauthAccount")
	var to []object.Member
	for _, m := range ms {
		if slices.Contains(globalKeys, m.Key) && plain(m.Value) {
			to = append(to, m)
		}
	}
	if slices.ContainsFunc(to, func(m object.Member) bool { return m.Key == "hasCompletedOnboarding" && string(m.Value) == "true" }) {
		c.words = append(c.words, "finished onboarding")
	}
	if slices.ContainsFunc(to, func(m object.Member) bool { return m.Key == "theme" }) {
		c.words = append(c.words, "theme")
	}
	if tail := account.Approved(object.Get(ms, account.Responses), o.APIKey); tail != "" && o.Placeholder == "" {
		value, err := object.Encode(map[string][]string{"approved": {tail}, "rejected": {}})
		if err != nil {
			return err
		}
		to = append(to, object.Member{Key: account.Responses, Value: value})
		c.words = append(c.words, "the approved API key")
	}
	if o.Project != "" && trusted(object.Get(ms, "projects"), o.Project) {
		value, err := object.Encode(map[string]map[string]bool{o.Project: {"hasTrustDialogAccepted": true}})
		if err != nil {
			return err
		}
		to = append(to, object.Member{Key: "projects", Value: value})
		c.words = append(c.words, "trust in this project")
	}
	if len(to) == 0 {
		return nil
	}
	out, err := object.Render(to)
	if err == nil {
		c.files[folder.GlobalJSON] = folder.File{Data: out}
	}
	return err
}

// settings is what a first run gets of settings.json.
func (c *collected) settings(text []byte) error {
	ms, err := object.Parse(text)
	if err != nil {
		return err
	}
	var to []object.Member
	for _, m := range ms {
		switch {
		case harmless(m.Key) && plain(m.Value):
			to = append(to, m)
		case m.Key == "permissions":
			if value := narrow(m.Value); value != nil {
				to = append(to, object.Member{Key: m.Key, Value: value})
			}
		}
	}
	if len(to) == 0 {
		return nil
	}
	out, err := object.Render(to)
	if err == nil {
		c.files[folder.SettingsJSON] = folder.File{Data: out}
		c.words = append(c.words, fmt.Sprintf("%d of %d settings", len(to), len(ms)))
	}
	return err
}

// plain: a value that can hold nothing but itself.
func plain(value json.RawMessage) bool {
	var v any
	if json.Unmarshal(value, &v) != nil {
		return false
	}
	switch v := v.(type) {
	case bool, float64:
		return true
	case string:
		return len(v) <= 4096 && !strings.ContainsFunc(v, func(r rune) bool { return r < ' ' || r == utf8.RuneError })
	}
	return false
}

// narrow is what of permissions only takes away.
func narrow(value json.RawMessage) json.RawMessage {
	ms, err := object.Parse(value)
	if err != nil {
		return nil
	}
	out := map[string][]string{}
	for _, key := range narrowing {
		var rules []string
		if json.Unmarshal(object.Get(ms, key), &rules) == nil && len(rules) > 0 {
			out[key] = rules
		}
	}
	if len(out) == 0 {
		return nil
	}
	text, err := object.Encode(out)
	if err != nil {
		return nil
	}
	return text
}

// trusted: the host's user has agreed to work in exactly that folder. A parent
// does not count: what else lies in it is not in the jail.
func trusted(projects json.RawMessage, dir string) bool {
	ms, err := object.Parse(projects)
	if err != nil {
		return false
	}
	var p struct {
		Accepted bool `json:"hasTrustDialogAccepted"`
	}
	value := object.Get(ms, dir)
	return value != nil && json.Unmarshal(value, &p) == nil && p.Accepted
}
