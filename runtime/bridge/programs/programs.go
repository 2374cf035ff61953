package programs

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"slices"
	"strings"

	"github.com/jailed-claude/jailed-claude/runtime/bridge"
	"github.com/jailed-claude/jailed-claude/spec/contract"
	"github.com/jailed-claude/jailed-claude/spec/network"
)

// requests are what each program asks for, by its arguments.
var requests = map[string]func(args []string) (r bridge.Request, err error){
	contract.Opener: open, "xclip": xclip, "wl-paste": wlPaste, "notify-send": notify,
}

// Is reports whether this program was called as one of these, in a jail.
func Is(argv0 string) bool {
	name := filepath.Base(argv0)
	return requests[name] != nil
}

// Exit statuses, those of xdg-open(1); the others have the first alone.
const (
	exitUsage  = 1
	exitFailed = 4
)

// Main asks, and returns the exit status.
func Main(argv0 string, args []string, stdout, stderr io.Writer) int {
	name := filepath.Base(argv0)
	r, err := requests[name](args)
	status := exitUsage
	var a bridge.Answer
	if err == nil {
		if name == contract.Opener {
			status = exitFailed
		}
		a, err = ask(r)
	}
	if err != nil {
		fmt.Fprintf(stderr, "%s: in this jail: %v\n", name, err)
		return status
	}
	for _, t := range a.Types {
		fmt.Fprintln(stdout, t)
	}
	if _, err := stdout.Write(a.Data); err != nil {
		return exitUsage
	}
	return 0
}

// ask asks the supervisor.
func ask(r bridge.Request) (bridge.Answer, error) {
	c, err := net.Dial("unix", contract.BridgeSocket)
	if err != nil {
		return bridge.Answer{}, errors.New("there are no bridges to the host")
	}
	defer c.Close()
	line, err := json.Marshal(r)
	if err != nil {
		return bridge.Answer{}, err
	}
	if _, err := c.Write(append(line, '\n')); err != nil {
		return bridge.Answer{}, fmt.Errorf("ask: %w", err)
	}
	a, err := bridge.ReadAnswer(c)
	if err != nil {
		return bridge.Answer{}, errors.New("the supervisor did not answer: too many ask at once")
	}
	if a.Error != "" {
		return bridge.Answer{}, errors.New(a.Error)
	}
	return a, nil
}

func open(args []string) (r bridge.Request, err error) {
	if len(args) != 1 {
		return r, errors.New("write: xdg-open URL")
	}
	_, err = bridge.ParsePage(args[0])
	return bridge.Request{Bridge: network.BridgeOpen, URL: args[0]}, err
}

var errReads = errors.New("it reads images, and nothing else: write xclip -selection clipboard -o -t image/png, or wl-paste --type image/png")

// types asks which types there are.
var types = bridge.Request{Bridge: network.BridgeClipboard}

// reads is a request to read an image.
func reads(kind string) (r bridge.Request, err error) {
	if !slices.Contains(bridge.ImageTypes, kind) {
		return r, errReads
	}
	return bridge.Request{Bridge: network.BridgeClipboard, Type: kind}, nil
}

// xclip takes options as xclip does: any beginning of a name.
func xclip(args []string) (r bridge.Request, err error) {
	var out bool
	kind, selection := "", ""
	for i := 0; i < len(args); i++ {
		is := func(name string, least int) bool { return len(args[i]) >= least && strings.HasPrefix(name, args[i]) }
		value := func(to *string) {
			if i++; i < len(args) {
				*to = args[i]
			}
		}
		switch {
		case is("-out", 2):
			out = true
		case is("-target", 2):
			value(&kind)
		case is("-selection", 2):
			value(&selection)
		default:
			return r, errReads
		}
	}
	if !out || !strings.HasPrefix("clipboard", selection) || selection == "" {
		return r, errReads
	}
	if kind == "TARGETS" {
		return types, nil
	}
	return reads(kind)
}

func wlPaste(args []string) (r bridge.Request, err error) {
	kind := ""
	for i := 0; i < len(args); i++ {
		switch a := args[i]; {
		case a == "-l" || a == "--list-types":
			return types, nil
		case a == "-n" || a == "--no-newline":
		case strings.HasPrefix(a, "--type="):
			kind = strings.TrimPrefix(a, "--type=")
		case (a == "-t" || a == "--type") && i+1 < len(args):
			i++
			kind = args[i]
		default:
			return r, errReads
		}
	}
	return reads(kind)
}

// notify takes the options of notify-send(1), and leaves them out.
func notify(args []string) (r bridge.Request, err error) {
	var words []string
	for i := 0; i < len(args); i++ {
		a := args[i]
		switch {
		case a == "--":
			words = append(words, args[i+1:]...)
			i = len(args)
		case strings.HasPrefix(a, "--") && strings.Contains(a, "="), a == "-e", a == "--transient":
		case len(a) == 2 && strings.Contains("-u-t-a-i-c-h-r-A", a), slices.Contains([]string{"--urgency", "--expire-time", "--app-name", "--icon", "--category", "--hint"}, a):
			i++
		case strings.HasPrefix(a, "-") && a != "-":
			return r, fmt.Errorf("%s is not for jails: write notify-send TITLE [TEXT]", a)
		default:
			words = append(words, a)
		}
	}
	if len(words) < 1 || len(words) > 2 {
		return r, errors.New("write: notify-send TITLE [TEXT]")
	}
	r = bridge.Request{Bridge: network.BridgeNotify, Title: words[0]}
	if len(words) == 2 {
		r.Body = strings.ReplaceAll(words[1], "\n", " ")
	}
	return r, nil
}
