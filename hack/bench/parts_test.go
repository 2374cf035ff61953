package main

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/jailed-claude/jailed-claude/hack/bench/client"
	"github.com/jailed-claude/jailed-claude/hack/bench/outside"
	"github.com/jailed-claude/jailed-claude/hack/bench/plot"
	"github.com/jailed-claude/jailed-claude/hack/bench/report"
)

// chunks is a reader that gives one of them at a time.
type chunks []string

func (c *chunks) Read(p []byte) (int, error) {
	if len(*c) == 0 {
		return 0, io.EOF
	}
	n := copy(p, (*c)[0])
	*c = (*c)[1:]
	return n, nil
}

// TestRateOf: the marks are found wherever reads cut them.
func TestRateOf(t *testing.T) {
	var out bytes.Buffer
	if err := emit([]string{"colours", "300000"}, &out); err != nil {
		t.Fatal(err)
	}
	if n := out.Len() - len(begin) - len(end) - 1; n != 300000 {
		t.Errorf("%d bytes", n)
	}
	for _, size := range []int{1, 5, 7, 4095} {
		text := "a line before\r\n" + begin + "some text\r\n" + end + "\r\n"
		var c chunks
		for part := range slices.Chunk([]byte(text), size) {
			c = append(c, string(part))
		}
		if rate, err := rateOf(&c); err != nil || rate <= 0 {
			t.Errorf("chunks of %d: %v %v", size, rate, err)
		}
	}
	if _, err := rateOf(&chunks{begin, "text"}); err == nil {
		t.Error("no end, and no error")
	}
}

// TestClient: each job gets what it asks for, directly and through a proxy.
func TestClient(t *testing.T) {
	s, err := outside.Listen("127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	jobs := []string{"down=3000000", "up=3000000", "down16=160000", "up16=160000", "latency=5", "many=20", "hold"}
	for _, proxy := range []string{"", proxyFor(t)} {
		t.Setenv("HTTPS_PROXY", proxy)
		var out bytes.Buffer
		if err := client.Run(append([]string{fmt.Sprintf("127.0.0.1:%d", s.Port)}, jobs...), strings.NewReader("\n\n"), &out); err != nil {
			t.Fatal(err)
		}
		d := json.NewDecoder(&out)
		for i := range jobs {
			var a client.Answer
			if err := d.Decode(&a); err != nil || a.Err != "" || a.Job != jobs[i] {
				t.Errorf("%s: %+v %v", jobs[i], a, err)
			}
			if n := len(a.Values); jobs[i] == "latency=5" && n != 5 || i < 4 && (n != 1 || a.Values[0] <= 0) {
				t.Errorf("%s: %v", jobs[i], a.Values)
			}
		}
	}
	t.Setenv("HTTPS_PROXY", "http://user:%zz@x")
	if err := client.Run([]string{"name", "hold"}, strings.NewReader(""), io.Discard); err == nil || strings.Contains(err.Error(), "zz") {
		t.Errorf("a bad proxy: %v", err)
	}
}

// proxyFor is a proxy that wants a password.
func proxyFor(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				var head []byte
				for one := make([]byte, 1); !bytes.HasSuffix(head, []byte("\r\n\r\n")); head = append(head, one[0]) {
					if _, err := io.ReadFull(c, one); err != nil {
						return
					}
				}
				f := strings.Fields(string(head))
				if f[0] != "CONNECT" || !bytes.Contains(head, []byte("Basic dTpw\r\n")) { // u:p
					_, _ = io.WriteString(c, "HTTP/1.1 407 No\r\n\r\n")
					return
				}
				d, err := net.Dial("tcp", f[1])
				if err != nil {
					return
				}
				defer d.Close()
				_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\n\r\n")
				go func() { _, _ = io.Copy(d, c) }()
				_, _ = io.Copy(c, d)
			}()
		}
	}()
	return "http://u:p@" + l.Addr().String()
}

// TestPlot: the drawing is well-formed, has a line for each column with
// figures, and no label covers another.
func TestPlot(t *testing.T) {
	text := plot.Startup(sample().Table("startup"), plotLines)
	d := xml.NewDecoder(strings.NewReader(text))
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	if n := strings.Count(text, "<polyline"); n != 3 {
		t.Errorf("%d lines, want those of floor, bwrap and ours", n)
	}
	if strings.Contains(text, "NaN") || strings.Contains(text, "Inf") {
		t.Error("a figure that is none")
	}
	if !strings.Contains(plot.Startup(new(report.Table), plotLines), "no figures") {
		t.Error("an empty table was drawn")
	}
}

// TestBwrapFlags: bubblewrap gets the mounts of config.json, and its own /dev
// and /proc.
func TestBwrapFlags(t *testing.T) {
	file := t.TempDir() + "/config.json"
	if err := os.WriteFile(file, []byte(`{"hostname":"h","process":{"cwd":"/p"},"mounts":[
		{"destination":"/proc","type":"proc","source":"proc"},{"destination":"/dev/shm","type":"tmpfs","source":"shm"},
		{"destination":"/tmp","type":"tmpfs","source":"tmpfs"},{"destination":"/p","type":"bind","source":"/p","options":["rbind","rw"]},
		{"destination":"/nix/store/x","type":"bind","source":"/nix/store/x","options":["bind","ro"]}]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := bwrapFlags(file)
	want := "--unshare-all --die-with-parent --hostname h --proc /proc --dev /dev --tmpfs /tmp --bind /p /p --ro-bind /nix/store/x /nix/store/x --chdir /p --"
	if err != nil || strings.Join(got, " ") != want {
		t.Errorf("%v %q", err, got)
	}
}

func TestTimedKeepsTheLastLine(t *testing.T) {
	b := &bench{dir: t.TempDir(), log: io.Discard}
	if err := os.Mkdir(b.file("project"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := b.timed([]string{"/bin/sh", "-c", "echo one; echo two >&2; exit 3"}); err == nil || err.Error() != "exit status 3: two" {
		t.Errorf("%v", err)
	}
	tab := &report.Table{Columns: []string{"good", "bad"}}
	calls := 0
	b.sideBySide(tab, "r", 3, []candidate{
		{"good", func() ([]string, error) { calls++; return []string{"/bin/true"}, nil }, nil},
		{"bad", func() ([]string, error) { return nil, errors.New("not installed: bad") }, nil},
	})
	if v, ok := tab.Value("r", "good"); !ok || v <= 0 || calls != 4 || len(tab.Rows[0].Cells["good"].All) != 3 {
		t.Errorf("3 rounds and one before: %d calls, %+v", calls, tab.Rows[0].Cells["good"])
	}
	if m := tab.Missing(); len(m) != 1 || m[0] != "bad, r: 1 of 1 failed: not installed: bad" {
		t.Errorf("missing: %q", m)
	}
}

func TestCompare(t *testing.T) {
	x, y := make([]float64, 50), make([]float64, 50)
	for i := range x {
		y[i] = 10 + float64(i%5)
		x[i] = 1.5 * y[i]
	}
	if ratio, half := compare(x, y); ratio != 1.5 || half > 0.3 {
		t.Errorf("%v ± %v, want 1.5", ratio, half)
	}
	if _, half := compare(y, y); half > 1e-9 {
		t.Errorf("the same measurements differ by %v", half)
	}
}
