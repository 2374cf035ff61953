package report

import (
	"fmt"
	"strings"
	"testing"
)

func TestReport(t *testing.T) {
	var many []Denied
	for i := range 12 {
		name := fmt.Sprintf("n%02d.example", i)
		many = append(many, Denied{Host: name, Port: 443, Count: 1, Why: "no rule allows it", Allow: name})
	}
	for _, c := range []struct {
		name   string
		s      *Summary
		people bool
		want   string
	}{
		{"nothing", &Summary{}, true, ""},
		{"no session", nil, false, ""},
		{
			"a pipe", &Summary{Denied: []Denied{
				{Host: "a.example", Count: 2, Why: "no rule allows it", Allow: "a.example"},
				{Host: "10.0.0.1", Port: 22, Count: 1, Why: "private", Allow: "10.0.0.1:22"},
				{Host: "fd00::1", Port: 22, Count: 1, Why: "private", Allow: "[fd00::1]:22"},
			}}, false,
			"jailed-claude: network: 3 destinations were refused: a.example, 10.0.0.1:22, [fd00::1]:22; to allow: --allow a.example --allow 10.0.0.1:22 --allow '[fd00::1]:22'\n",
		},
		{
			"a terminal", &Summary{Denied: []Denied{{Host: "a.example", Port: 22, Count: 2, Why: "no rule allows it", Allow: "a.example:22"}}}, true,
			"jailed-claude: network: 1 destination was refused:\n  a.example:22 (2 times): no rule allows it\n" +
				"jailed-claude: hint: to allow them: --allow a.example:22\njailed-claude: hint: or in a policy: [network] allow = [\"a.example:22\"]\n",
		},
		{
			"a browser", &Summary{Denied: []Denied{{Host: "a.example", Port: 443, Count: 9, Why: WhyECH}}}, false,
			"jailed-claude: network: 1 destination was refused: a.example:443\njailed-claude: hint: a.example:443: a browser hid the name of the server (ECH), which mode \"filtered\" has to see: " +
				"switch it off there (Chromium: the policy EncryptedClientHelloEnabled, Firefox: security.tls.ech.grease_probability), or network.tls = \"any\"\n",
		},
		{
			"nothing would allow it", &Summary{Denied: []Denied{{Host: "a.example", Port: 22, Count: 1, Why: "denied by \"a.example\""}}}, true,
			"jailed-claude: network: 1 destination was refused:\n  a.example:22: denied by \"a.example\"\n",
		},
	} {
		var out strings.Builder
		c.s.Report(&out, c.people)
		if out.String() != c.want {
			t.Errorf("%s:\n%s\nwant:\n%s", c.name, out.String(), c.want)
		}
	}
	var out strings.Builder
	(&Summary{Denied: many}).Report(&out, true)
	if !strings.Contains(out.String(), "12 destinations") || strings.Contains(out.String(), "n10.example") || !strings.Contains(out.String(), "  and 2 more\n") {
		t.Errorf("twelve:\n%s", out.String())
	}
	out.Reset()
	(&Summary{Denied: many, More: 3}).Report(&out, false)
	if !strings.Contains(out.String(), "more than 12 destinations") || strings.Count(out.String(), "\n") != 1 {
		t.Errorf("more than are listed:\n%s", out.String())
	}
}

// TestRefusedNamesAreQuiet: a name is the jail's choice, and must neither speak
// to the terminal nor be pasted into a shell as something else.
func TestRefusedNamesAreQuiet(t *testing.T) {
	for _, name := range []string{"a\x1b]52;c;eA==\a.example", "a\nb.example", "é.example", "$(id).example", "a;b", "'.example", "a b.example"} {
		for _, people := range []bool{true, false} {
			var out strings.Builder
			(&Summary{Denied: []Denied{{Host: name, Port: 443, Count: 1, Why: "no rule allows " + name, Allow: name}}}).Report(&out, people)
			for i, b := range []byte(out.String()) {
				if b != '\n' && (b < ' ' || b > '~') {
					t.Fatalf("%q: byte %d of %q", name, i, out.String())
				}
			}
			if strings.Contains(out.String(), "--allow") {
				t.Errorf("%q: what is no rule is offered as one: %s", name, out.String())
			}
			if want := map[bool]int{true: 2, false: 1}[people]; strings.Count(out.String(), "\n") != want {
				t.Errorf("%q: %q", name, out.String())
			}
		}
	}
}
