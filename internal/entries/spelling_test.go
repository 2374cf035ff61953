package entries

import "testing"

func TestSpellings(t *testing.T) {
	var s Spellings
	if s.Other([]byte(".GIT")) != "" {
		t.Error("no name has a spelling")
	}
	for _, name := range []string{".git", "HEAD", "mise.toml", "mise.*.toml", ".Rprofile"} {
		s.Add(name)
	}
	for entry, want := range map[string]string{
		".git": "", ".GIT": ".git", ".Git": ".git", ".g\u200cit": ".git", "\ufeff.git": ".git", ".ｇｉＴ": ".git", ".gitx": "", "git": "",
		"HEAD": "", "head": "HEAD", "Head": "HEAD", "header": "", ".rprofile": ".Rprofile", ".Rprofile": "",
		"mise.toml": "", "MISE.toml": "mise.toml", "mi\u017fe.toml": "mise.toml", "mise.x.toml": "", "Mise.X.toml": "mise.x.toml", "misE.x.toml.bak": "",
		"Makefile": "", "README.md": "", "": "", "é": "",
	} {
		if got := s.Other([]byte(entry)); got != want {
			t.Errorf("%q is another spelling of %q, not %q", entry, got, want)
		}
	}
	if n := testing.AllocsPerRun(100, func() { s.Other([]byte("main.go")); s.Other([]byte("index.html")); s.Other([]byte("ProductCard.tsx")) }); n != 0 {
		t.Errorf("%v allocations for names as most are", n)
	}
}
