package git

import (
	"slices"
	"strings"
	"sync"
)

// programs are the variables of git-config(1) by which git, or a program of its
// own, runs something: a "*" stands for a subsection, or for a whole name.
// testdata/config.txt has all variables that git documents, with these marked;
// the test says which of a newer git nobody has looked at.
var programs = []string{
	"alias.*", "pager.*",
	"browser.*.cmd", "browser.*.path",
	"core.alternaterefscommand", "core.askpass", "core.editor", "core.fsmonitor", "core.gitproxy", "core.hookspath", "core.pager", "core.sshcommand",
	"credential.helper", "credential.*.helper",
	"diff.external", "diff.*.command", "diff.*.textconv",
	"difftool.*.cmd", "difftool.*.path",
	"filter.*.clean", "filter.*.process", "filter.*.smudge",
	"gc.recentobjectshook",
	"gpg.program", "gpg.*.program", "gpg.ssh.defaultkeycommand",
	"guitool.*.cmd",
	"help.browser", "web.browser",
	"hook.*.command",
	"imap.tunnel",
	"init.templatedir", // its hooks go into every new repository
	"instaweb.browser", "instaweb.httpd", "instaweb.modulepath",
	"interactive.difffilter",
	"man.*.cmd", "man.*.path",
	"merge.*.driver",
	"mergetool.*.cmd", "mergetool.*.path",
	"remote.*.receivepack", "remote.*.uploadpack", "remote.*.vcs",
	"sendemail.cccmd", "sendemail.headercmd", "sendemail.sendmailcmd", "sendemail.smtpserver", "sendemail.tocmd",
	"sequence.editor",
	"submodule.*.update",
	"tar.*.command",
	"trailer.*.cmd", "trailer.*.command",
	"uploadpack.packobjectshook",
}

// usual are names that programs which read git's config (git-lfs, git-annex, a
// newer git) give to what they run, or end with.
var usual = []string{
	"hookspath", "fsmonitor", "pager", "editor", "askpass", "gitproxy", "external", "helper", "clean", "smudge", "process", "textconv",
	"driver", "difffilter", "uploadpack", "receivepack", "update",
}

var endings = []string{"command", "cmd", "program", "hook"}

var programSet = sync.OnceValue(func() map[string]bool {
	set := map[string]bool{}
	for _, p := range programs {
		set[p] = true
	}
	return set
})

// Runs says whether git runs, or reads as its hooks, what a variable names:
// core.fsmonitor, filter.NAME.clean, alias.NAME and their like.
func Runs(key string) bool {
	first, last := strings.IndexByte(key, '.'), strings.LastIndexByte(key, '.')
	if first < 0 {
		return false
	}
	section, name := key[:first], key[last+1:]
	set := programSet()
	if set[key] || set[section+".*"] || last > first && set[section+".*."+name] {
		return true
	}
	return slices.Contains(usual, name) || slices.ContainsFunc(endings, func(e string) bool { return strings.HasSuffix(name, e) })
}

// Folder says whether what a variable of Runs names is a folder of programs.
func Folder(key string) bool {
	return strings.HasSuffix(key, ".hookspath") || key == "init.templatedir" || key == "instaweb.modulepath"
}
