package lock

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/internal/storepath"
)

const (
	hashA   = "/nix/store/zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz-claude-code-2.1.330"
	hashB   = "/nix/store/00000000000000000000000000000000-glibc-2.40"
	hashC   = "/nix/store/11111111111111111111111111111111-nodejs-22.1"
	digest0 = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	nar0    = "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
)

func sample() *Lock {
	return &Lock{
		Tool: ToolRange, System: "x86_64-linux", Policy: digest0, Spec: digest0,
		Agent:    Agent{Package: "nixpkgs#claude-code", Program: hashA + "/bin/claude", Paths: []string{hashA}},
		Packages: []Package{{"nixpkgs#nodejs", []string{hashC}}},
		Paths:    []Path{{hashA, nar0, 400 << 20}, {hashB, nar0, 1}, {hashC, nar0, 2}},
	}
}

const rendered = `{
  "version": 1,
  "tool": ">=0.1.0 <1.0.0",
  "system": "x86_64-linux",
  "policy": "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
  "spec": "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
  "agent": {"package": "nixpkgs#claude-code", "program": "/nix/store/zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz-claude-code-2.1.330/bin/claude", "paths": ["/nix/store/zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz-claude-code-2.1.330"]},
  "packages": [
    {"package": "nixpkgs#nodejs", "paths": ["/nix/store/11111111111111111111111111111111-nodejs-22.1"]}
  ],
  "closure": [
    {"path": "/nix/store/zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz-claude-code-2.1.330", "narHash": "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=", "narSize": 419430400},
    {"path": "/nix/store/00000000000000000000000000000000-glibc-2.40", "narHash": "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=", "narSize": 1},
    {"path": "/nix/store/11111111111111111111111111111111-nodejs-22.1", "narHash": "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=", "narSize": 2}
  ]
}
`

func TestRender(t *testing.T) {
	if got := string(sample().Render()); got != rendered {
		t.Errorf("got\n%s\nwant\n%s", got, rendered)
	}
	l, err := Parse([]byte(rendered))
	if err != nil || !reflect.DeepEqual(l, sample()) {
		t.Errorf("got %+v, %v", l, err)
	}
	// A formatter may have been at it.
	squeezed := strings.NewReplacer("\n", "", "  ", "", ", ", ",").Replace(rendered)
	if l, err := Parse([]byte(squeezed)); err != nil || l.Agent.Program != sample().Agent.Program || len(l.Paths) != 3 {
		t.Errorf("without white space: %+v, %v", l, err)
	}
	bare := &Lock{Tool: ToolRange, System: "aarch64-linux", Policy: digest0, Spec: digest0, Paths: []Path{{hashB, nar0, 0}}}
	if l, err := Parse(bare.Render()); err != nil || !reflect.DeepEqual(l, bare) {
		t.Errorf("without agent and packages: %+v, %v", l, err)
	}
}

// TestParseRefuses breaks one thing of a good lock.
func TestParseRefuses(t *testing.T) {
	long := strings.Repeat("x", 255)
	for name, c := range map[string]struct {
		old, new string
		line     int
		want     string
	}{
		"unknown key":            {`"spec":`, `"sepc":`, 6, `unknown key "sepc"`},
		"other case":             {`"narHash"`, `"narhash"`, 12, `write "narHash"`},
		"double key":             {`"policy": "sha256`, "\"system\": \"x86_64-linux\",\n  \"policy\": \"sha256", 5, `"system" is there twice`},
		"missing key":            {"  \"system\": \"x86_64-linux\",\n", "", 15, `no "system"`},
		"missing inner key":      {`, "narSize": 1}`, "}", 13, `no "narSize"`},
		"later format":           {`"version": 1`, `"version": 2`, 1, "format 2"},
		"no format":              {`"version": 1`, `"version": "1"`, 2, "not a number"},
		"format 0":               {`"version": 1`, `"version": 0`, 2, "version 0"},
		"tool":                   {`>=0.1.0 <1.0.0`, `>=0.1 <1`, 3, "range of versions"},
		"system":                 {`x86_64-linux`, `X`, 4, "system"},
		"policy digest":          {`"policy": "sha256:e3`, `"policy": "sha256:E3`, 5, "policy:"},
		"digest too short":       {`"spec": "sha256:e3`, `"spec": "sha256:e`, 6, "spec:"},
		"base 32 hash":           {nar0, "sha256:0mdqa9w1p6cmli6976v4wi0sw9r4p5prkj7lzfd1877wk11c9c73", 12, "narHash:"},
		"base 64, loose":         {"SuFU=", "SuFV=", 12, "narHash:"},
		"base 64, line end":      {"SuFU=", `SuFU=\n`, 12, "narHash:"},
		"size as text":           {`"narSize": 2}`, `"narSize": "2"}`, 14, "narSize:"},
		"negative size":          {`"narSize": 2}`, `"narSize": -2}`, 14, "narSize:"},
		"size as float":          {`"narSize": 2}`, `"narSize": 2.0}`, 14, "narSize:"},
		"size with exponent":     {`"narSize": 2}`, `"narSize": 2e3}`, 14, "narSize:"},
		"size out of range":      {`"narSize": 2}`, `"narSize": 9223372036854775808}`, 14, "narSize:"},
		"null":                   {`"x86_64-linux"`, `null`, 4, "not a string"},
		"list in place of text":  {`"x86_64-linux"`, `["x86_64-linux"]`, 4, "not a string"},
		"unsorted":               {`"path": "/nix/store/00000000000000000000000000000000-glibc-2.40"`, `"path": "/nix/store/00000000000000000000000000000000-a"`, 13, "out of order"},
		"double path":            {hashB + `", "nar`, hashA + `", "nar`, 13, "twice"},
		"path outside the store": {`"path": "` + hashB, `"path": "/etc`, 13, "not a store path"},
		"path with dots":         {`"path": "` + hashB, `"path": "/nix/store/../../etc`, 13, "not a store path"},
		"path below a path":      {`"path": "` + hashB, `"path": "` + hashB + `/lib`, 13, "not a store path"},
		"path with a line end":   {`"path": "` + hashB, `"path": "` + hashB + `\n`, 13, "not a store path"},
		"path with NUL":          {`"path": "` + hashB, `"path": "` + hashB + `\u0000`, 13, "not a store path"},
		"path with placeholder":  {`"path": "` + hashB, `"path": "` + hashB + `${HOME}`, 13, "not a store path"},
		"long path":              {`"path": "` + hashB, `"path": "` + hashB + long, 13, "longer than"},
		"program outside":        {hashA + "/bin/claude", "/bin/sh", 7, "program:"},
		"program with dots":      {hashA + "/bin/claude", hashA + "/../x", 7, "program:"},
		"program with slash":     {hashA + "/bin/claude", hashA + "/bin/", 7, "program:"},
		"program elsewhere":      {hashA + "/bin/claude", hashB + "/bin/claude", 16, "in none of its paths"},
		"program without path":   {`"paths": ["` + hashA + `"]`, `"paths": []`, 16, "needs paths"},
		"root not in closure":    {`["` + hashC + `"]`, `["/nix/store/22222222222222222222222222222222-x"]`, 16, "not in it"},
		"package without paths":  {`["` + hashC + `"]`, `[]`, 9, "has no path"},
		"package without name":   {`"nixpkgs#nodejs"`, `""`, 9, "empty"},
		"package that beeps":     {`"nixpkgs#nodejs"`, `"nixpkgs#\u001b[2J"`, 9, "control characters"},
		"not UTF-8":              {`nixpkgs#nodejs`, "nixpkgs#\xff", 9, "UTF-8"},
		"raw control character":  {`nixpkgs#nodejs`, "nixpkgs#\x01", 9, "not JSON"},
		"cut off":                {"\n  ]\n}\n", "", 14, "cut off"},
		"two values":             {"  ]\n}\n", "  ]\n}\n{}\n", 17, "not JSON"},
		"merge conflict":         {"  \"closure\": [\n", "<<<<<<< HEAD\n  \"closure\": [\n", 11, "not JSON"},
		"no closure":             {rendered[strings.Index(rendered, `[`+"\n    {\"path\""):], "[]\n}\n", 12, "no store path"},
	} {
		t.Run(name, func(t *testing.T) {
			if !strings.Contains(rendered, c.old) {
				t.Fatalf("the base has no %q", c.old)
			}
			l, err := Parse([]byte(strings.Replace(rendered, c.old, c.new, 1)))
			var at *ParseError
			if !errors.As(err, &at) || !errors.Is(err, ErrFormat) {
				t.Fatalf("got %+v, %v", l, err)
			}
			if at.Line != c.line || !strings.Contains(at.Problem, c.want) {
				t.Errorf("got %q, want line %d and %q", err, c.line, c.want)
			}
			for _, r := range at.Problem {
				if r < ' ' || r == 0x7f {
					t.Errorf("a control character is in %q", at.Problem)
				}
			}
		})
	}
	for name, text := range map[string]string{"empty": "", "blank": "\n\n", "list": "[]", "word": "lock", "deep": strings.Repeat("[", 100000), "large": strings.Repeat(" ", maxSize+1)} {
		if _, err := Parse([]byte(text)); !errors.Is(err, ErrFormat) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestUnderstoodBy(t *testing.T) {
	l := &Lock{Tool: ">=0.2.0 <1.0.0"}
	for version, want := range map[string]bool{
		"v0.2.0": true, "0.2.0": true, "v0.10.3": true, "v0.99.0-4-gabc": true, "v0.1.9": false, "v1.0.0": false, "v2.0.0": false,
		"devel": true, "unknown": true, "7039955": true, "7039955-dirty": true, "": true,
	} {
		if got := l.understoodBy(version); got != want {
			t.Errorf("%q: %v", version, got)
		}
	}
}

func TestFile(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, Name)
	if _, _, err := Read(file); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("none: %v", err)
	}
	for range 2 { // a new one, and over an old one
		if err := Write(file, sample()); err != nil {
			t.Fatal(err)
		}
		if l, text, err := Read(file); err != nil || !reflect.DeepEqual(l, sample()) || string(text) != rendered {
			t.Fatalf("got %+v, %v", l, err)
		}
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 1 {
		t.Errorf("left behind: %v", entries)
	}
	link := filepath.Join(dir, "link")
	fifo := filepath.Join(dir, "fifo")
	if err := errors.Join(os.Symlink(file, link), unix.Mkfifo(fifo, 0o600)); err != nil {
		t.Fatal(err)
	}
	for _, odd := range []string{link, fifo, dir, "/dev/zero"} {
		if _, _, err := Read(odd); !errors.Is(err, errNotRegular) {
			t.Errorf("%s: %v", odd, err)
		}
	}
	// A link is replaced, not followed.
	if err := Write(link, sample()); err != nil {
		t.Fatal(err)
	}
	if fi, err := os.Lstat(link); err != nil || !fi.Mode().IsRegular() {
		t.Errorf("%v, %v", fi, err)
	}
	missing := filepath.Join(dir, "missing", Name)
	if err := Write(missing, sample()); err == nil || !strings.Contains(err.Error(), missing) {
		t.Errorf("into a missing folder: %v", err)
	}
	if err := os.WriteFile(file, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Read(file); !errors.Is(err, ErrFormat) || !strings.Contains(err.Error(), file) {
		t.Errorf("broken: %v", err)
	}
}

func TestRegistered(t *testing.T) {
	const hex = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	for _, spelling := range []string{hex, "sha256:" + hex, "sha256:0mdqa9w1p6cmli6976v4wi0sw9r4p5prkj7lzfd1877wk11c9c73", nar0} {
		known, err := Registered(hashB, spelling, 7)
		if err != nil || known != (Path{hashB, nar0, 7}) {
			t.Errorf("%s: %+v, %v", spelling, known, err)
		}
	}
	for _, bad := range []string{
		"", "sha512:" + hex, hex[1:], "sha256:" + strings.Repeat("e", 52),
		"sha256:" + strings.Repeat("z", 52), "sha256:2" + strings.Repeat("0", 51), "sha256:0" + strings.Repeat("0", 50) + "\x00",
	} {
		if known, err := Registered(hashB, bad, 0); err == nil {
			t.Errorf("%q is taken: %+v", bad, known)
		}
	}
}

func TestChanges(t *testing.T) {
	if c := Changes(sample(), sample()); c != nil {
		t.Errorf("nothing changed, but: %q", c)
	}
	after := sample()
	const newer, other, rebuilt = "/nix/store/33333333333333333333333333333333-claude-code-2.1.331", "/nix/store/44444444444444444444444444444444-go-1.26", "/nix/store/55555555555555555555555555555555-nodejs-22.1"
	after.Agent.Paths, after.Agent.Program = []string{newer}, newer+"/bin/claude"
	after.Packages = []Package{{"nixpkgs#nodejs", []string{rebuilt}}, {"nixpkgs#go", []string{other}}}
	after.Paths = []Path{{newer, nar0, 1}, {hashB, nar0, 1}, {other, nar0, 1}, {rebuilt, nar0, 1}}
	after.Policy = "sha256:" + strings.Repeat("0", 64)
	want := []string{
		"agent nixpkgs#claude-code: claude-code-2.1.330 -> claude-code-2.1.331",
		"nixpkgs#nodejs: nodejs-22.1 rebuilt, 11111111 -> 55555555",
		"nixpkgs#go: added, go-1.26",
		"closure: 3 paths added, 2 removed, 1 unchanged",
		"policy: " + digest0 + " -> " + after.Policy,
	}
	if got := Changes(sample(), after); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if got := Changes(after, sample()); !strings.Contains(strings.Join(got, "\n"), "nixpkgs#go: removed, was go-1.26") {
		t.Errorf("backwards: %q", got)
	}
	poisoned := sample()
	poisoned.Paths[1].NarHash = formatHash(bytes.Repeat([]byte{1}, 32))
	if got := Changes(sample(), poisoned); len(got) != 1 || !strings.Contains(got[0], "has other contents") {
		t.Errorf("other contents: %q", got)
	}
}

// FuzzParse: what is read can be written, and is read as the same again.
func FuzzParse(f *testing.F) {
	f.Add([]byte(rendered))
	f.Add((&Lock{Tool: ToolRange, System: "aarch64-linux", Policy: digest0, Spec: digest0, Paths: []Path{{hashB, nar0, 0}}}).Render())
	f.Add([]byte(strings.Replace(rendered, "nixpkgs#nodejs", `.#\u00e9\u2027\"<&>\\`, 1)))
	f.Add([]byte(strings.Replace(rendered, "closure", "Closure", 1)))
	f.Add([]byte("{\"version\":1"))
	f.Fuzz(func(t *testing.T, data []byte) {
		l, err := Parse(data)
		if err != nil {
			var at *ParseError
			if !errors.As(err, &at) || at.Line < 1 || at.Line > 1+bytes.Count(data, []byte("\n")) {
				t.Fatalf("%#v", err)
			}
			return
		}
		text := l.Render()
		again, err := Parse(text)
		if err != nil {
			t.Fatalf("%v in\n%s", err, text)
		}
		if !reflect.DeepEqual(l, again) || !bytes.Equal(text, again.Render()) {
			t.Fatalf("%+v became %+v", l, again)
		}
		for _, p := range l.StorePaths() {
			if storepath.Check(p) != nil {
				t.Fatalf("%q is taken for a store path", p)
			}
		}
	})
}

// TestLayers: a lock has layers of an image, or none; they are read as strictly as the
// rest, and a change of one is said.
func TestLayers(t *testing.T) {
	l := sample()
	l.Layers = []Layer{{hashB, digest0}, {"small store paths", digest0}}
	text := string(l.Render())
	if got, err := Parse([]byte(text)); err != nil || !reflect.DeepEqual(got, l) {
		t.Errorf("got %+v, %v from %s", got, err, text)
	}
	for old, want := range map[string]string{`"small store paths"`: "twice", `"diffId"`: `unknown key "digest"`, digest0 + "\"}\n": "sha256:HEX"} {
		changed := map[string]string{`"small store paths"`: `"` + hashB + `"`, `"diffId"`: `"digest"`, digest0 + "\"}\n": "sha256:0\"}\n"}[old]
		if _, err := Parse([]byte(strings.Replace(text, old, changed, 1))); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", changed, err)
		}
	}
	after := sample()
	after.Layers = []Layer{{hashB, digest0}, {"small store paths", "sha256:" + strings.Repeat("0", 64)}}
	if got := Changes(l, after); len(got) != 1 || got[0] != "layers: 1 of 2 of the image are others, of 2 before" {
		t.Errorf("%q", got)
	}
	if got := Changes(l, sample()); len(got) != 1 || !strings.HasPrefix(got[0], "layers: 0 of 0") {
		t.Errorf("%q", got)
	}
}
