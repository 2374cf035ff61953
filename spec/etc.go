package spec

import (
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/jailed-claude/jailed-claude/internal/paths"
	"github.com/jailed-claude/jailed-claude/spec/authorities"
	"github.com/jailed-claude/jailed-claude/spec/broker"
	"github.com/jailed-claude/jailed-claude/spec/browser"
	"github.com/jailed-claude/jailed-claude/spec/closure"
	"github.com/jailed-claude/jailed-claude/spec/contract"
	"github.com/jailed-claude/jailed-claude/spec/network"
	"github.com/jailed-claude/jailed-claude/spec/policy"
)

// etc generates the few files of /etc that programs need and mounts those that
// have to follow the host.
func (b *builder) etc() error {
	h := b.Host
	uid, gid := b.agentIDs()
	shell := "/bin/sh"
	passwd := fmt.Sprintf("nobody:x:65534:65534:nobody:/:%s\n", shell)
	group := "nogroup:x:65534:\n"
	if uid != 0 {
		passwd = fmt.Sprintf("root:x:0:0:root:/:%s\n", shell) + passwd
	}
	if gid != 0 {
		group = "root:x:0:\n" + group
	}
	passwd = fmt.Sprintf("%s:x:%d:%d::%s:%s\n", field(h.User), uid, gid, field(h.Home), shell) + passwd
	group = fmt.Sprintf("%s:x:%d:\n", field(h.Group), gid) + group
	b.file("/etc/passwd", passwd)
	b.file("/etc/group", group)
	b.file("/etc/hosts", "127.0.0.1 localhost jail\n::1 localhost ip6-localhost\n"+b.brokerHosts())
	b.file("/etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\nservices: files\nprotocols: files\n")
	b.git()
	switch {
	case b.Policy.Network.Mode == policy.NetHost && h.ResolvConf != "":
		b.bindOne(h.ResolvConf, "/etc/resolv.conf")
		b.grant("file", "/etc/resolv.conf", "ro", builtin, "the host's name servers")
	case b.named():
		b.file("/etc/resolv.conf", fmt.Sprintf("nameserver %s\n", network.Gateway))
	default:
		b.file("/etc/resolv.conf", "")
	}
	if h.CAFile != "" {
		b.bindOne(h.CAFile, contract.CertsPath)
		b.symlink("/etc/ssl/certs/ca-bundle.crt", path.Base(contract.CertsPath))
		b.symlink("/etc/pki/tls/certs/ca-bundle.crt", contract.CertsPath)
		b.env["SSL_CERT_FILE"], b.env["NIX_SSL_CERT_FILE"] = contract.CertsPath, contract.CertsPath
		b.grant("file", h.CAFile, "ro", builtin, "the host's certificates, as "+contract.CertsPath)
	}
	if h.ExtraCAFile != "" {
		b.bindOne(h.ExtraCAFile, contract.ExtraCertsPath)
		b.grant("file", h.ExtraCAFile, "ro", builtin, "authorities that a variable of yours names, as "+contract.ExtraCertsPath)
	}
	if b.net == nil || len(b.net.Hosts()) == 0 { // else all are in one file
		maps.Copy(b.env, authorities.Inside(h.CAFile, h.ExtraCAFile, h.CAVariables))
	}
	n := b.Policy.Network
	for p, text := range browser.Files(n.Mode == policy.NetFiltered && n.TLS == network.TLSStrict, b.ownStores()) {
		b.file(p, text)
	}
	b.timeZone()
	b.varRun()
	if h.ManagedSettings != "" {
		b.managedSettings()
		b.grant("file", h.ManagedSettings, "ro", builtin, "an organisation's managed settings")
	}
	return nil
}

// managedSettings mounts an organisation's settings. Where they are symlinks
// (into the store, on NixOS), each file is mounted for itself: what a link leads
// to is not in the jail. The same where a text of ours lies among them; folders
// beside it are whole, so that they follow the host.
func (b *builder) managedSettings() {
	at := b.agent.Managed
	ours := !b.Policy.Agent.NoBrief && paths.Below(b.agent.Brief.File, at)
	links := false
	for p, real := range b.Host.ManagedFiles {
		links = links || p != real
	}
	if !links && !ours {
		b.bind(b.Host.ManagedSettings, at, "ro")
		return
	}
	whole := map[string]bool{}
	for _, p := range slices.Sorted(maps.Keys(b.Host.ManagedFiles)) {
		rel := strings.TrimPrefix(p, at+"/")
		top, _, inFolder := strings.Cut(rel, "/")
		switch dir := path.Join(at, top); {
		case links || !inFolder || paths.Below(b.agent.Brief.File, dir):
			if p != b.agent.Brief.File {
				b.bindOne(b.Host.ManagedFiles[p], p)
			}
		case !whole[dir]:
			whole[dir] = true
			b.bind(dir, dir, "ro")
		}
	}
}

// field makes a value fit one field of passwd(5).
func field(s string) string {
	return strings.Map(func(r rune) rune {
		if r == ':' || r < ' ' {
			return '_'
		}
		return r
	}, s)
}

// nixDaemon: the policy asks for the daemon and the host has one.
func (b *builder) nixDaemon() bool {
	return b.Policy.Nix.Daemon == policy.DaemonAuto && b.Host.NixDaemon != ""
}

// nix mounts the daemon's socket.
func (b *builder) nix() error {
	if !b.nixDaemon() {
		return nil
	}
	b.bindOne(b.Host.NixDaemon, nixSocket)
	b.file("/etc/nix/nix.conf", nixConf(b.Host.NixSubstituters, b.Host.NixKeys))
	b.env["NIX_REMOTE"] = "daemon"
	why := "builds by the Nix daemon"
	if b.Host.NixTrusted {
		why += "; it trusts you, so this socket is worth root on this host"
	}
	b.grant("nix", b.Host.NixDaemon, "connect", b.origin("nix.daemon"), why)
	return nil
}

// nixConf is what the jail's Nix has to know. What it asks the daemon for, the
// daemon's own nix.conf allows or not.
func nixConf(substituters, keys []string) string {
	text := "experimental-features = nix-command flakes\n"
	if len(substituters) > 0 {
		text += "substituters = " + strings.Join(substituters, " ") + "\n"
	}
	if len(keys) > 0 {
		text += "trusted-public-keys = " + strings.Join(keys, " ") + "\n"
	}
	return text
}

const nixSocket = "/nix/var/nix/daemon-socket/socket"

func canonicalJSON(v any) (string, error) {
	t, err := json.Marshal(v)
	return string(t), err
}

// ownStores: programs with stores of certificates of their own are to take the
// jail's authority, for it signs for a broker of the policy: the agent takes it
// anyway. That of Java is mounted.
func (b *builder) ownStores() bool {
	if b.net == nil || !broker.ByName(b.net.Brokers, b.Policy.Brokers) {
		return false
	}
	if java := b.Host.JavaCAFile; java != "" && b.Closure.Toolchain == closure.Host {
		b.bindOne(java, contract.JavaCertsPath)
		b.grant("file", java, "ro", builtin, "the certificates of the host's Java, and that of the jail's authority")
	}
	return true
}
