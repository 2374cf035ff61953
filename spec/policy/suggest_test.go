package policy

import (
	"strings"
	"testing"
)

func TestSuggest(t *testing.T) {
	for path, want := range map[string]string{
		"file":             "did you mean [files]?",
		"Files":            "did you mean [files]?",
		"net":              "did you mean [network]?",
		"enviroment":       "did you mean [env]?",
		"versoin":          "did you mean version?",
		"mode":             "did you mean network.mode?",
		"hide":             "did you mean files.hide?",
		"user":             "did you mean identity.user?",
		"x":                "the sections are agent, files, network, env, nix, limits, identity, terminal, bridges, review, ssh and [[broker]]",
		"brokers":          "did you mean [[broker]]?",
		"broker.urlenv":    "did you mean broker.url-env?",
		"agent.upstream":   "did you mean network.upstream?",
		"network.mod":      "did you mean network.mode?",
		"network.pids":     "did you mean limits.pids?",
		"files.protected":  "did you mean files.protect?",
		"files.wirte":      "did you mean files.write?",
		"limits.cpu":       "did you mean limits.cpus?",
		"limits.pid":       "did you mean limits.pids?",
		"agent.packags":    "did you mean agent.package?",
		"nix.deamon":       "did you mean nix.daemon?",
		"nix.version":      "version stands above the first section",
		"network.alow":     "did you mean network.allow?",
		"files.":           "[files] has project, read, write, hide, protect, toolchains, cache, unprotect",
		"env.environment!": "[env] has pass, set",
	} {
		if got := known().For(strings.Split(path, ".")...); got != want {
			t.Errorf("%s: got %q, want %q", path, got, want)
		}
	}
}
