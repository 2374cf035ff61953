package bridge

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/jailed-claude/jailed-claude/spec/network"
)

// Bounds of what a jail says.
const (
	maxURL   = 4096
	maxTitle = 120
	maxBody  = 500
	// MaxRequest is the longest line that can be one: JSON writes a character
	// with up to six.
	MaxRequest = 8 << 10
	// MaxImage is the largest image that is passed on.
	MaxImage = 20 << 20
)

// Request is what a jail asks for. What Parse returns is sound.
type Request struct {
	// Bridge is network.BridgeOpen, BridgeClipboard or BridgeNotify.
	Bridge string `json:"bridge"`
	// URL is the page to open.
	URL string `json:"url,omitempty"`
	// Type is that of the image to read; empty asks which there are.
	Type string `json:"type,omitempty"`
	// Title and Body are of a notification.
	Title string `json:"title,omitempty"`
	Body  string `json:"body,omitempty"`
	// Project asks which window of the editor has a folder open, and Path whether
	// no symlink is on the way to it. No jail asks this: the supervisor does.
	Project string `json:"project,omitempty"`
	Path    string `json:"path,omitempty"`
}

// Parse reads a request, strictly.
func Parse(line []byte) (Request, error) {
	var r Request
	if len(line) > MaxRequest {
		return r, errors.New("the request is too long")
	}
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	if err := d.Decode(&r); err != nil {
		return Request{}, errors.New("the request is malformed")
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return Request{}, errors.New("something follows the request")
	}
	if err := r.check(); err != nil {
		return Request{}, err
	}
	return r, nil
}

func (r *Request) check() error {
	only := Request{Bridge: r.Bridge}
	switch r.Bridge {
	case network.BridgeOpen:
		only.URL = r.URL
		if _, err := ParsePage(r.URL); err != nil {
			return err
		}
	case network.BridgeClipboard:
		only.Type = r.Type
		if r.Type != "" && !slices.Contains(ImageTypes, r.Type) {
			return fmt.Errorf("only images are read: %s", strings.Join(ImageTypes, ", "))
		}
	case network.BridgeNotify:
		only.Title, only.Body = r.Title, r.Body
		if r.Title == "" || !text(r.Title, maxTitle) || !text(r.Body, maxBody) {
			return fmt.Errorf("a notification has a title of up to %d bytes and a text of up to %d, both without control characters", maxTitle, maxBody)
		}
	case network.BridgeIDE:
		only.Project, only.Path = r.Project, r.Path
		if (r.Project == "") == (r.Path == "") {
			return errors.New("a project, or a path")
		}
	case network.BridgeDisplay:
		if only.Type = r.Type; r.Type != network.DisplayX11 && r.Type != network.DisplayX11Trusted {
			return errors.New("there is no such display")
		}
	default:
		return errors.New("there is no such bridge")
	}
	if *r != only {
		return errors.New("the request has fields of another bridge")
	}
	return nil
}

// text: nothing in s moves a cursor, hides or turns around what stands beside it.
func text(s string, most int) bool {
	if len(s) > most || !utf8.ValidString(s) {
		return false
	}
	return !strings.ContainsFunc(s, func(r rune) bool { return !strconv.IsPrint(r) })
}

// Page is what a browser is to open.
type Page struct {
	// URL as it was asked for.
	URL string
	// Host is its name, and Port where it is not 443.
	Host string
	Port uint16
	// Answer is the port of the loopback to which the page sends what it answers
	// (RFC 8252, 7.3), 0 for none.
	Answer uint16
}

// errPage is what can be opened.
var errPage = errors.New("only pages at https://NAME are opened: no other scheme, no user, no address, no name of this network")

// ParsePage reads the address of a page. It takes few forms of few characters, so
// that no browser, and no program on the way to one, reads another name in it.
func ParsePage(s string) (Page, error) {
	rest, ok := strings.CutPrefix(s, "https://")
	if !ok || len(s) > maxURL || strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune("\"'<>\\^`{|}", r) }) {
		return Page{}, errPage
	}
	authority := rest
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		authority = rest[:i]
	}
	u, err := url.Parse(s)
	if err != nil || u.User != nil || u.Opaque != "" || u.Host != authority || strings.ContainsAny(authority, "@%[]") {
		return Page{}, errPage
	}
	p := Page{URL: s, Host: u.Hostname(), Port: network.HTTPSPort}
	if port := u.Port(); port != "" || strings.HasSuffix(authority, ":") {
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil || n == 0 || strconv.FormatUint(n, 10) != port {
			return Page{}, errPage
		}
		p.Port = uint16(n)
	}
	if !public(p.Host) {
		return Page{}, errPage
	}
	for _, key := range []string{"redirect_uri", "redirect_url", "callback"} {
		if to, err := url.Parse(u.Query().Get(key)); err == nil && to.Scheme == "http" && (to.Hostname() == "localhost" || to.Hostname() == "127.0.0.1") {
			if n, err := strconv.ParseUint(to.Port(), 10, 16); err == nil && n >= 1024 {
				p.Answer = uint16(n)
			}
		}
	}
	return p, nil
}

// public: a name that the whole internet has, as it is looked up. A browser takes
// numbers, in many forms, for addresses: the last part of a name is none.
func public(name string) bool {
	normal, ok := network.Normal(name)
	if !ok || normal != name || strings.HasSuffix(name, ".") {
		return false
	}
	i := strings.LastIndexByte(name, '.')
	if i < 0 {
		return false
	}
	if _, err := netip.ParseAddr(name); err == nil {
		return false
	}
	last := name[i+1:]
	return last[0] >= 'a' && last[0] <= 'z' && !slices.Contains([]string{"localhost", "local", "internal", "lan", "home", "corp", "localdomain", "arpa", "onion", "test"}, last)
}

// ImageTypes are those that are read, as programs ask for them.
var ImageTypes = []string{"image/png", "image/jpeg", "image/jpg", "image/webp", "image/gif", "image/bmp"}

// isImage tells whether data begins as an image does: the name of a type is only
// what the program says that has copied it.
func isImage(data []byte) bool {
	for _, magic := range []string{"\x89PNG\r\n\x1a\n", "\xff\xd8\xff", "GIF87a", "GIF89a"} {
		if bytes.HasPrefix(data, []byte(magic)) {
			return true
		}
	}
	// Two letters begin words as well; behind a size, a BMP has four bytes of nothing.
	if len(data) >= 26 && string(data[:2]) == "BM" && string(data[6:10]) == "\x00\x00\x00\x00" {
		return true
	}
	return len(data) >= 12 && string(data[:4]) == "RIFF" && string(data[8:12]) == "WEBP"
}
