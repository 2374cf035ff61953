package caches

import "testing"

// TestGlobalConfig: npm's settings for everybody are where they were although its
// prefix is another; who moves the prefix is left alone.
func TestGlobalConfig(t *testing.T) {
	const file = "/usr/etc/npmrc"
	for name, c := range map[string]struct {
		npmrc           string
		granted, passed []string
		want            string
	}{
		"as ever":              {npmrc: file, want: file},
		"none":                 {},
		"their own prefix":     {npmrc: file, granted: []string{"/h/.npm-global"}},
		"a prefix that passes": {npmrc: file, passed: []string{prefix}},
		"a file that passes":   {npmrc: file, passed: []string{globalConfig}},
	} {
		for _, private := range []bool{false, true} {
			if got := Variables("/h", c.npmrc, c.granted, c.passed, private)[globalConfig]; got != c.want {
				t.Errorf("%s: %q", name, got)
			}
		}
	}
}
