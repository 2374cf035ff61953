package message

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestHeader: Go knows each message of message.h, and no byte is there twice.
func TestHeader(t *testing.T) {
	text, err := os.ReadFile("message.h")
	if err != nil {
		t.Fatal(err)
	}
	all := []Message{EndContainer, ContainerEnded, Plan, Refused, Waits, Orders, Ready, ReadyLandlocked, Execute, Stopped, Further, Terminal, Cloned, Exited, Mapped, Namespaces, Go}
	rows := regexp.MustCompile(`(?m)^\tX\(\w+, '(.)', "([^"]+)", "([^"]+)", "([^"]+)"\)`).FindAllStringSubmatch(string(text), -1)
	if len(rows) != len(all) {
		t.Fatalf("%d messages in C, %d in Go", len(rows), len(all))
	}
	seen := map[Message]bool{}
	for i, r := range rows {
		m := all[i]
		if string(m.Bytes()) != r[1] || m.String() != r[2]+" -> "+r[3]+": "+r[4] {
			t.Errorf("%q is %s", r[0], m)
		}
		if seen[m] {
			t.Errorf("%s has the byte of another message", m)
		}
		seen[m] = true
	}
	if got := Message('?').String(); !strings.Contains(got, "no message") {
		t.Errorf("%q", got)
	}
}

// TestPicture: the pictures in docs/design.md have each message.
func TestPicture(t *testing.T) {
	text, err := os.ReadFile("../../docs/design.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range []Message{EndContainer, ContainerEnded, Plan, Refused, Waits, Orders, Ready, ReadyLandlocked, Execute, Stopped, Further, Terminal, Cloned, Exited, Mapped, Namespaces, Go} {
		_, says, _ := strings.Cut(m.String(), ": ")
		if !strings.Contains(string(text), "─ "+says+" ─") {
			t.Errorf("%s is not in docs/design.md", m)
		}
	}
}
