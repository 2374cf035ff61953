package programs

import (
	"strings"
	"testing"

	"github.com/jailed-claude/jailed-claude/runtime/bridge"
	"github.com/jailed-claude/jailed-claude/spec/contract"
	"github.com/jailed-claude/jailed-claude/spec/network"
)

// TestRequests: the arguments that agents call with (Claude Code 2.1.330 calls the
// first four), and the usual ones.
func TestRequests(t *testing.T) {
	png := bridge.Request{Bridge: "clipboard", Type: "image/png"}
	for line, want := range map[string]bridge.Request{
		"xclip -selection clipboard -o -t TARGETS":         types,
		"xclip -selection clipboard -o -t image/png":       png,
		"wl-paste --list-types":                            types,
		"wl-paste --type image/png":                        png,
		"xclip -sel clip -t image/png -out":                png,
		"xclip -o -sel c -target image/png":                png,
		"wl-paste -n -t image/png":                         png,
		"wl-paste --type=image/png":                        png,
		"wl-paste -l":                                      types,
		"xdg-open https://example.org/":                    {Bridge: "open", URL: "https://example.org/"},
		"notify-send done":                                 {Bridge: "notify", Title: "done"},
		"notify-send -u low --app-name=x -t 1000 done all": {Bridge: "notify", Title: "done", Body: "all"},
		"notify-send -i icon -- -x -y":                     {Bridge: "notify", Title: "-x", Body: "-y"},
	} {
		words := strings.Fields(line)
		if r, err := requests[words[0]](words[1:]); err != nil || r != want {
			t.Errorf("%s: %+v, %v", line, r, err)
		}
	}
	for _, line := range []string{
		"xclip", "xclip -i", "xclip -o", "xclip -selection clipboard", "xclip -selection clipboard -o", "xclip -selection primary -o -t image/png", "xclip -o -t image/png",
		"xclip -selection clipboard -o -t text/plain", "xclip -selection clipboard -o -t", "xclip -selection clipboard -o file -t image/png", "xclip -d :0 -selection clipboard -o -t image/png",
		"wl-paste", "wl-paste --watch cat", "wl-paste -p -t image/png", "wl-paste -t text/plain", "wl-paste -t", "xdg-open", "xdg-open a b", "xdg-open -h", "xdg-open --version", "xdg-open /etc/passwd",
		"notify-send", "notify-send a b c", "notify-send --print-id a", "notify-send --wait a",
	} {
		words := strings.Fields(line)
		if r, err := requests[words[0]](words[1:]); err == nil {
			t.Errorf("%s: %+v", line, r)
		}
	}
}

// TestNames: there is a program for each name, and no other.
func TestNames(t *testing.T) {
	names := contract.BridgePrograms(&network.Bridges{Open: network.BridgeAsk, Clipboard: network.BridgeImages, Notify: true})
	for _, name := range names {
		if !Is("/etc/" + name) {
			t.Errorf("%s is none", name)
		}
	}
	if len(names) != len(requests) || Is("jailed-claude") {
		t.Errorf("%q, %d programs", names, len(requests))
	}
}

// TestOutside: where there is no jail they say so.
func TestOutside(t *testing.T) {
	var out, err strings.Builder
	if status := Main("/x/xdg-open", []string{"https://example.org/"}, &out, &err); status != exitFailed || !strings.Contains(err.String(), "no bridges") || out.Len() > 0 {
		t.Errorf("%d, %q, %q", status, out.String(), err.String())
	}
	if status := Main("xclip", nil, &out, &err); status != exitUsage {
		t.Error(status)
	}
}
