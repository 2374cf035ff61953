package scalar

import "testing"

func TestCheckEnv(t *testing.T) {
	for name, want := range map[string]struct{ pass, set bool }{
		"GOFLAGS":           {true, true},
		"_":                 {true, true},
		"_x1":               {true, true},
		"ANTHROPIC_API_KEY": {true, true},
		"LDFLAGS":           {true, true},
		"JAIL":              {true, true},

		// The host's value misleads; one of the policy's own is the user's right.
		"LD_PRELOAD":      {false, true},
		"LD_LIBRARY_PATH": {false, true},
		"LD_":             {false, true},
		"PATH":            {false, true},

		// The jail makes these.
		"HOME":              {false, false},
		"XDG_RUNTIME_DIR":   {false, false},
		"CLAUDE_CONFIG_DIR": {false, false},

		// Our own machinery.
		"_LIBCONTAINER_INITPIPE": {false, false},
		"_LIBCONTAINERX":         {false, false},
		"_JAIL":                  {false, false},
		"_JAIL_INIT":             {false, false},

		// No names.
		"":                   {false, false},
		"1A":                 {false, false},
		"A=B":                {false, false},
		"A-B":                {false, false},
		"A B":                {false, false},
		"A\x00":              {false, false},
		"A\n":                {false, false},
		"LC_*":               {false, false},
		"BASH_FUNC_x%%":      {false, false},
		"\u00c4":             {false, false},
		"A\xff":              {false, false},
		"$HOME":              {false, false},
		"(){ :;}; echo pwnd": {false, false},
	} {
		if got := EnvPass(name) == ""; got != want.pass {
			t.Errorf("env.pass %q accepted: %v, want %v", name, got, want.pass)
		}
		if got := EnvName(name) == ""; got != want.set {
			t.Errorf("env.set %q accepted: %v, want %v", name, got, want.set)
		}
	}
}
