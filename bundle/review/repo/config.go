package repo

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// variables are those of a config file, by key, in their order.
func (u *Unit) variables(text []byte) (map[string][]string, error) {
	file := filepath.Join(u.scratch, "config.read")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		return nil, err
	}
	out, err := u.g.run(nil, nil, "config", "--file", file, "--no-includes", "--null", "--list")
	if err != nil {
		return nil, err
	}
	all := map[string][]string{}
	for item := range strings.SplitSeq(out, "\x00") {
		if item == "" {
			continue
		}
		key, value, _ := strings.Cut(item, "\n")
		all[key] = append(all[key], value)
	}
	return all, nil
}

// settings are those of .git/config that are others in the layer.
func (u *Unit) settings() ([]Setting, error) {
	name := u.o.Place.Path("config")
	if u.v.changed[name] == nil {
		return nil, nil
	}
	text, err := content(u.o.Lower, name, maxSmall)
	if err != nil {
		return nil, err
	}
	host, err := u.variables(text)
	if err != nil {
		return nil, err
	}
	if text, err = u.v.read(name, maxSmall); err != nil {
		return nil, err
	}
	jail, err := u.variables(text)
	if err != nil {
		return nil, fmt.Errorf("the layer's .git/config: %w", err)
	}
	var keys []string
	for _, m := range []map[string][]string{host, jail} {
		for k := range m {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	var all []Setting
	for _, k := range slices.Compact(keys) {
		if !slices.Equal(host[k], jail[k]) {
			all = append(all, Setting{Key: k, Old: host[k], New: jail[k], Held: heldSetting(k, jail[k], host)})
		}
	}
	return all, nil
}

var (
	remoteName = once(`^(\.|[\pL\pN_][\pL\pN_./-]*)$`)
	// Other ways to name a repository run a program (ext::, a helper's name) or
	// are folders of this host.
	remoteURL = once(`^(https://|ssh://|git\+ssh://|git://|http://)[\pL\pN_][^\s]*$|^([\pL\pN_][\pL\pN_.-]*@)?[\pL\pN_][\pL\pN_.-]*:[^\s:-][^\s]*$`)
	refspec   = once(`^\+?refs/[^\s:]+:refs/(remotes|tags)/[^\s:]+$`)
	truth     = once(`^(true|false|yes|no|on|off|0|1|merges|interactive|all|--tags|--no-tags|)$`)
)

// heldSetting says why a variable waits for a yes: all do that git-branch(1) and
// git-remote(1) do not write in daily work.
func heldSetting(key string, values []string, host map[string][]string) string {
	first, last := strings.IndexByte(key, '.'), strings.LastIndexByte(key, '.')
	if first < 0 || first == last {
		return "git config"
	}
	section, sub, name := key[:first], key[first+1:last], key[last+1:]
	every := func(ok func(string) bool) bool {
		return !slices.ContainsFunc(values, func(v string) bool { return !ok(v) })
	}
	switch section + "." + name {
	case "branch.remote", "branch.pushremote":
		if every(remoteName().MatchString) {
			return ""
		}
		return "git config: the branch's remote is no name of one"
	case "branch.merge":
		if every(plainName) {
			return ""
		}
	case "branch.rebase", "remote.tagopt", "remote.prune", "remote.prunetags", "remote.skipdefaultupdate":
		if every(truth().MatchString) {
			return ""
		}
	case "branch.description":
		return ""
	case "remote.fetch":
		if every(refspec().MatchString) {
			return ""
		}
		return "git config: a fetch would overwrite branches"
	case "remote.url", "remote.pushurl":
		switch {
		case len(values) == 0:
			return ""
		case len(host["remote."+sub+".url"]) > 0 || len(host["remote."+sub+".pushurl"]) > 0:
			return "git config: another address for a remote that the host has"
		case !every(func(v string) bool { return remoteURL().MatchString(v) && !strings.Contains(v, "::") }):
			return "git config: the address of the remote may name a program or a folder of this host"
		}
		return ""
	}
	return "git config"
}

// Config is the host's config with the settings that ok says yes to.
func (u *Unit) Config(ok func(Setting) bool) ([]byte, error) {
	text, err := content(u.o.Lower, u.o.Place.Path("config"), maxSmall)
	if err != nil {
		return nil, err
	}
	file := filepath.Join(u.scratch, "config.new")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		return nil, err
	}
	for _, s := range u.Settings {
		if !ok(s) {
			continue
		}
		if len(s.Old) > 0 {
			if _, err := u.g.run(nil, nil, "config", "--file", file, "--unset-all", s.Key); err != nil {
				return nil, err
			}
		}
		for _, v := range s.New {
			if _, err := u.g.run(nil, nil, "config", "--file", file, "--add", s.Key, v); err != nil {
				return nil, err
			}
		}
	}
	return os.ReadFile(file)
}
