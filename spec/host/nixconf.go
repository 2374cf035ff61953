package host

import (
	"context"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/jailed-claude/jailed-claude/spec/host/source"
)

// nixCaches fills in where the host's Nix fetches from and whose signatures it
// trusts. Those two settings are public; of all others (access-tokens,
// netrc-file, what "!include" names) nothing is kept.
func (s reader) nixCaches(ctx context.Context, f *Facts) {
	var settings map[string]struct {
		Value any `json:"value"`
	}
	var substituters, keys []string
	if s.nixConfig(ctx, &settings) == nil {
		substituters, keys = anyStrings(settings["substituters"].Value), anyStrings(settings["trusted-public-keys"].Value)
	} else if text, err := source.ReadText(s.Root + "/etc/nix/nix.conf"); err == nil {
		// Without what it includes: those files are where tokens are kept.
		substituters = nixSetting(text, nil, "substituters", "binary-caches")
		keys = nixSetting(text, nil, "trusted-public-keys", "binary-cache-public-keys")
	}
	for _, u := range substituters {
		if problem := checkSubstituter(u); problem != "" {
			f.Warnings = append(f.Warnings, "a substituter of the host's nix.conf is left out of the jail's: "+problem)
			continue
		}
		f.NixSubstituters = append(f.NixSubstituters, u)
	}
	for _, k := range keys {
		if nixKey().MatchString(k) {
			f.NixKeys = append(f.NixKeys, k)
		}
	}
}

// nixConfig reads the settings that Nix goes by, without the caller's own.
func (s reader) nixConfig(ctx context.Context, into any) error {
	err := s.nixJSON(ctx, into, "show-config", "--json")
	if err != nil { // its name since Nix 2.20
		err = s.nixJSON(ctx, into, "config", "show", "--json")
	}
	return err
}

// nixKey is a public key as nix.conf(5) writes it: NAME:BASE64, 32 bytes.
var nixKey = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9._+@/-]+:[A-Za-z0-9+/]{43}=$`) })

// plainURL has no character that ends a value of nix.conf.
var plainURL = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[!"$-~]+$`) })

// checkSubstituter says why a substituter is not for the jail, without what may
// be a secret in it.
func checkSubstituter(s string) string {
	u, err := url.Parse(s)
	switch {
	case err != nil || !plainURL().MatchString(s):
		return "it is not a URL"
	case u.User != nil:
		return fmt.Sprintf("%s://%s has a user name or password in it", u.Scheme, u.Host)
	}
	for name := range u.Query() {
		if !slices.Contains(publicParameters, name) {
			return fmt.Sprintf("%s://%s has the parameter %q, which may be a secret", u.Scheme, u.Host, name)
		}
	}
	return ""
}

// publicParameters of a substituter's URL say how, not who.
var publicParameters = []string{"priority", "trusted", "want-mass-query", "region", "endpoint", "scheme", "compression", "parallel-compression"}

func anyStrings(v any) (list []string) {
	values, _ := v.([]any)
	for _, e := range values {
		if s, ok := e.(string); ok {
			list = append(list, s)
		}
	}
	return list
}

// nixSetting reads nix.conf(5) for one setting that is a list, whatever of its
// names it is written by, with what "extra-NAME" adds.
func nixSetting(text string, value []string, names ...string) []string {
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "#")
		key, list, ok := strings.Cut(line, "=")
		key = strings.TrimSpace(key)
		name, extra := strings.CutPrefix(key, "extra-")
		switch {
		case !ok || !slices.Contains(names, name):
		case extra:
			value = append(value, strings.Fields(list)...)
		default:
			value = strings.Fields(list)
		}
	}
	return value
}
