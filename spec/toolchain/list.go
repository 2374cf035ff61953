package toolchain

import (
	"path"
	"slices"
	"strings"
)

// listed are the paths, below /etc and /var/lib, that programs of /usr know by
// name, where no link may lead to them. docs/toolchains.md has them too.
var listed = []string{
	// Of every program: names of services, protocols, types and terminals.
	"/etc/services", "/etc/protocols", "/etc/rpc", "/etc/mime.types", "/etc/magic", "/etc/magic.mime", "/etc/os-release", "/etc/lsb-release",
	"/etc/debian_version", "/etc/redhat-release", "/etc/fedora-release", "/etc/alpine-release", "/etc/arch-release", "/etc/shells", "/etc/terminfo",
	"/etc/inputrc", "/etc/locale.alias", "/etc/crypto-policies", "/etc/gai.conf", "/etc/ssl/certs/java", "/etc/pki/java",
	// Languages.
	"/etc/java", "/etc/java-*", "/etc/jvm-*", "/etc/maven", "/etc/gradle", "/etc/ant.d", "/etc/php", "/etc/php.ini", "/etc/php.d", "/etc/perl",
	"/etc/python3*", "/etc/R", "/etc/mono", "/etc/fpc*.cfg", "/etc/lua*", "/etc/ldc2.conf", "/etc/nim", "/etc/erlang", "/etc/gdb", "/etc/emacs",
	"/etc/vim", "/etc/nanorc", "/etc/groff", "/etc/sgml", "/etc/xml", "/etc/texmf", "/etc/papersize", "/etc/odbcinst.ini",
	// Pictures, fonts, screens and browsers.
	"/etc/fonts", "/etc/ImageMagick-*", "/etc/ghostscript", "/etc/chromium.d", "/etc/gtk-3.0", "/etc/gtk-2.0", "/etc/OpenCL", "/etc/vulkan",
	"/etc/glvnd", "/etc/drirc", "/etc/dictionaries-common",
	// What packages generate when they are installed.
	"/var/lib/ghc", "/var/lib/texmf", "/var/lib/ghostscript", "/var/lib/gems", "/var/lib/aspell", "/var/lib/emacsen-common", "/var/lib/xml-core",
	"/var/lib/sgml-base", "/var/lib/dictionaries-common", "/var/lib/mime-support",
}

// secret are names of what nobody else's program has to read, as patterns.
var secret = []string{"private", "*.key", "*secret*", "*password*", "*passwd*", "*credential*", "token", "*.token", "shadow*", "gshadow*", "*.keytab", "netrc", ".netrc"}

// foreign are folders and files of /etc and /var/lib that belong to the host, to
// its services, or to a jail's own /etc, as patterns of the first part.
var foreign = []string{
	"group*", "subuid*", "subgid*", "sudo*", "doas*", "ssh", "krb5*", "host*", "machine-id", "resolv.conf", "nsswitch.conf", "fstab*", "crypttab*",
	"gitconfig", "pam.d", "security", "polkit-1", "cron*", "systemd", "init.d", "rc?.d", "network*", "NetworkManager", "wireguard", "openvpn", "ppp",
	"letsencrypt", "wpa_supplicant*", "apt", "docker", "containers", "kubernetes", "mysql", "postgresql", "ldap", "samba", "cups", "exim4", "postfix",
	"apache2", "nginx", "lighttpd", "claude-code", "codex", "jailed-claude", "nix", "dpkg", "rpm", "pacman", "bluetooth", "lxc", "libvirt", "localtime",
	"timezone", "dbus-1", "chromium", "opt", "environment*", "profile*", "npmrc", "pip.conf", "wgetrc",
}

// generated hold files that a jail makes for itself.
var generated = []string{"/etc/ssl", "/etc/ssl/certs", "/etc/pki", "/etc/pki/tls", "/etc/pki/tls/certs", "/etc/ssl/certs/ca-certificates.crt", "/etc/ssl/certs/ca-bundle.crt"}

// parents are the folders that hold what may be found.
var parents = []string{"/etc/", "/var/lib/"}

// refused: the path is not below a parent, or never belongs to a toolchain.
func refused(p string) bool {
	for _, parent := range parents {
		if rest, ok := strings.CutPrefix(p, parent); ok && rest != "" {
			parts := strings.Split(rest, "/")
			return slices.Contains(generated, p) || matches(foreign, parts[0]) || slices.ContainsFunc(parts, func(part string) bool { return matches(secret, part) })
		}
	}
	return true
}

func matches(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		ok, err := path.Match(p, name)
		return ok && err == nil
	})
}
