package files

import (
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/runtime/audit/attack"
)

// homeFiles are what shells, desktop and tools of a home start from.
var homeFiles = []trustedFile{
	{"bashrc", ".bashrc", "bash(1)"},
	{"profile", ".profile", "bash(1)"},
	{"zshrc", ".zshrc", "zsh(1)"},
	{"zshenv", ".zshenv", "zsh(1)"},
	{"fish", ".config/fish/conf.d/jailed-claude-audit.fish", "fish(1)"},
	{"ssh-authorized-keys", ".ssh/authorized_keys", "sshd(8)"},
	{"ssh-config", ".ssh/config", "ProxyCommand in ssh_config(5)"},
	{"git-config", ".gitconfig", "git-config(1)"},
	{"npmrc", ".npmrc", "npm"},
	{"autostart", ".config/autostart/jailed-claude-audit.desktop", "Desktop Application Autostart Specification"},
	{"systemd-unit", ".config/systemd/user/jailed-claude-audit.service", "systemd.unit(5)"},
	{"environment", ".config/environment.d/jailed-claude-audit.conf", "environment.d(5)"},
	{"local-bin", ".local/bin/jailed-claude-audit", "PATH of systemd user sessions, file-hierarchy(7)"},
	{"claude-settings", ".claude/settings.json", "CVE-2025-59536, CVE-2026-21852"},
	{"claude-json", ".claude.json", "MCP servers of Claude Code"},
	{"own-policy", ".config/jailed-claude/config.toml", "the user's own policy"},
	{"own-trust", ".local/state/jailed-claude/trust/jailed-claude-audit", "approvals of jailed-claude"},
	{"vim", ".vimrc", "Vim"},
	{"gdbinit", ".gdbinit", "gdb(1)"},
	{"nix-conf", ".config/nix/nix.conf", "nix.conf(5)"},
}

// HomeAttacks write where the host's shells, desktop and tools start from.
func HomeAttacks() []attack.Attack {
	var all []attack.Attack
	for _, t := range homeFiles {
		all = append(all, attack.Attack{
			Name: "home-" + t.name, Class: "persistence", Promise: attack.PromisePersistence, Source: t.source, Success: "~/" + t.path + " of the host is changed or made",
			Run: func(e *attack.Env) attack.Result {
				p := filepath.Join(e.Facts.Home, t.path)
				var st unix.Stat_t
				if unix.Stat(p, &st) == nil {
					if e.Inodes[p] != attack.Inode(&st) {
						return attack.HeldBy("there is another file")
					}
					return attack.Opens(p, os.O_WRONLY)
				}
				if e.Inodes[p] != "" {
					return attack.HeldBy("not there")
				}
				_ = os.MkdirAll(filepath.Dir(p), 0o700)
				return plant(p)
			},
			Judge: func(s attack.Witness, r attack.Result) attack.Result {
				return s.Planted(filepath.Join(s.Told().Facts.Home, t.path), r)
			},
		})
	}
	for _, t := range []struct{ name, path, source string }{
		{"cron", "/var/spool/cron/crontabs/jailed-claude-audit", "cron(8)"},
		{"cron-system", "/etc/cron.d/jailed-claude-audit", "cron(8)"},
		{"profile-system", "/etc/profile.d/jailed-claude-audit.sh", "bash(1)"},
		{"ld-preload", "/etc/ld.so.preload", "ld.so(8)"},
		{"systemd-system", "/etc/systemd/system/jailed-claude-audit.service", "systemd.unit(5)"},
		{"systemd-runtime", "/run/systemd/system/jailed-claude-audit.service", "systemd.unit(5)"},
		{"sudoers", "/etc/sudoers.d/jailed-claude-audit", "sudoers(5)"},
		{"udev", "/etc/udev/rules.d/jailed-claude-audit.rules", "udev(7)"},
	} {
		all = append(all, attack.Attack{
			Name: "system-" + t.name, Class: "persistence", Promise: attack.PromisePersistence, Source: t.source, Success: t.path + " of the host can be made",
			Run: func(e *attack.Env) attack.Result {
				// Only asked: the host would act on it at once.
				dir := filepath.Dir(t.path)
				var st unix.Stat_t
				if err := unix.Stat(dir, &st); err != nil {
					return attack.HeldBy("%s", attack.Plain(err))
				}
				if e.Inodes[dir] != attack.Inode(&st) {
					return attack.HeldBy("the folder is another one")
				}
				return attack.Unless(unix.Faccessat(unix.AT_FDCWD, dir, unix.W_OK, unix.AT_EACCESS), "%s can be written", dir)
			},
			Lacks: attack.NoFile(filepath.Dir(t.path)),
		})
	}
	return all
}
