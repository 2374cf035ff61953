package desk

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/jailed-claude/jailed-claude/internal/program"
	"github.com/jailed-claude/jailed-claude/runtime/bridge"
	"github.com/jailed-claude/jailed-claude/spec/network"
)

// Times for programs of the desktop. The supervisor waits longer.
const (
	readTime = 10 * time.Second
	// openTime is how long a browser may take to say that it does not open a page.
	// It may run on for hours.
	openTime = 2 * time.Second
)

// host starts programs.
type host struct {
	never  []string
	path   string
	getenv func(string) string
	// x11 is where X servers listen, before the number of a display.
	x11 string
}

func newHost(never []string) host {
	h := host{never, program.Path(os.Getenv("PATH"), never), os.Getenv, "/tmp/.X11-unix/X"}
	_ = os.Setenv("PATH", h.path) // xdg-open is a script
	_ = os.Chdir("/")
	return h
}

func (h host) look(name string) (string, error) { return program.Look(h.path, name, h.never) }

// do has a program do what is asked for.
func (h host) do(r bridge.Request) (bridge.Answer, error) {
	switch r.Bridge {
	case network.BridgeOpen:
		return bridge.Answer{}, h.open(r.URL)
	case network.BridgeNotify:
		return bridge.Answer{}, h.notify(r.Title, r.Body)
	case network.BridgeDisplay:
		data, err := h.authority(r.Type == network.DisplayX11Trusted)
		return bridge.Answer{Data: data}, err
	case network.BridgeIDE:
		if r.Path != "" {
			return bridge.Answer{}, real(r.Path)
		}
		w, err := h.window(r.Project)
		return bridge.Answer{Window: w}, err
	}
	if r.Type == "" {
		types, err := h.types()
		return bridge.Answer{Types: types}, err
	}
	data, err := h.paste(r.Type)
	return bridge.Answer{Data: data}, err
}

// open opens a page by xdg-open, or else by the caller's BROWSER.
func (h host) open(page string) error {
	opener, err := h.look("xdg-open")
	if err != nil {
		browser, _, _ := strings.Cut(h.getenv("BROWSER"), ":")
		if opener, err = h.browser(browser); err != nil {
			return errors.New("there is no xdg-open, and BROWSER names no program")
		}
	}
	c := exec.Command(opener, page) //nolint:noctx,gosec // it outlives this process; the page is no option (parsed)
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := c.Start(); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }()
	select {
	case err := <-ended:
		if err != nil {
			return fmt.Errorf("%s: %w", filepath.Base(opener), err)
		}
	case <-time.After(openTime):
	}
	return nil
}

// browser is the program that BROWSER names, which may have a place for the page
// ("%s") only as its last word.
func (h host) browser(words string) (string, error) {
	words = strings.TrimSuffix(strings.TrimSpace(words), " %s")
	switch {
	case words == "" || strings.ContainsAny(words, " %"):
		return "", exec.ErrNotFound
	case filepath.IsAbs(words) && !program.In(words, h.never):
		return words, nil
	}
	return h.look(words)
}

// notify shows a notification. Servers read markup in its text.
func (h host) notify(title, body string) error {
	notifier, err := h.look("notify-send")
	if err != nil {
		return errors.New("there is no notify-send (Debian: libnotify-bin)")
	}
	escape := strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")
	_, err = run(notifier, 1<<10, "--app-name=jailed-claude", "--", "jail: "+title, escape.Replace(body))
	return err
}

// clipboard is the program that reads the clipboard of this desktop.
func (h host) clipboard() (name string, err error) {
	for _, d := range []struct{ display, name string }{{"WAYLAND_DISPLAY", "wl-paste"}, {"DISPLAY", "xclip"}} {
		if h.getenv(d.display) == "" {
			continue
		}
		if name, err = h.look(d.name); err == nil {
			return name, nil
		}
		err = fmt.Errorf("there is no %s", d.name)
	}
	if err == nil {
		err = errors.New("there is no desktop: neither WAYLAND_DISPLAY nor DISPLAY is set")
	}
	return "", err
}

// types are those of the image on the clipboard. Where it is empty the programs
// fail, and there is none.
func (h host) types() (types []string, err error) {
	name, err := h.clipboard()
	if err != nil {
		return nil, err
	}
	args := []string{"--list-types"}
	if filepath.Base(name) == "xclip" {
		args = []string{"-selection", "clipboard", "-o", "-t", "TARGETS"}
	}
	out, err := run(name, 64<<10, args...)
	if _, failed := errors.AsType[*exec.ExitError](err); err != nil && !failed {
		return nil, err
	}
	for line := range strings.Lines(string(out)) {
		if t := strings.TrimSpace(line); slices.Contains(bridge.ImageTypes, t) && !slices.Contains(types, t) {
			types = append(types, t)
		}
	}
	return types, nil
}

func (h host) paste(kind string) ([]byte, error) {
	name, err := h.clipboard()
	if err != nil {
		return nil, err
	}
	args := []string{"--no-newline", "--type", kind}
	if filepath.Base(name) == "xclip" {
		args = []string{"-selection", "clipboard", "-o", "-t", kind}
	}
	return run(name, bridge.MaxImage, args...)
}

// run runs a program, and returns what it writes, of which there may be so much.
func run(name string, most int64, args ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), readTime)
	defer cancel()
	c := exec.CommandContext(ctx, name, args...) //nolint:gosec // a program of the host's PATH, no shell
	c.WaitDelay = time.Second                    // what it has started may hold its output
	var out bytes.Buffer
	c.Stdout = &bounded{&out, most}
	err := c.Run()
	switch {
	case int64(out.Len()) > most:
		return nil, errors.New("it is too large")
	case ctx.Err() != nil:
		return nil, fmt.Errorf("%s does not answer", filepath.Base(name))
	case err != nil:
		return nil, fmt.Errorf("%s: %w", filepath.Base(name), err)
	}
	return out.Bytes(), nil
}

// bounded takes a byte more than there may be, and then no more.
type bounded struct {
	to   *bytes.Buffer
	most int64
}

func (b *bounded) Write(p []byte) (int, error) {
	if room := b.most + 1 - int64(b.to.Len()); int64(len(p)) > room {
		b.to.Write(p[:room])
		return int(room), io.ErrShortWrite
	}
	return b.to.Write(p)
}
