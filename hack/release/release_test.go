package main

import (
	"debug/buildinfo"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestIdentify: what a text is, by the texts that this module's own
// dependencies have; what is none of them is nothing.
func TestIdentify(t *testing.T) {
	const bsd = "Redistribution and use in source and\n// binary forms, with or without"
	for text, want := range map[string]string{
		"                Apache License\n          Version 2.0, January 2004\n":                   "Apache-2.0",
		"Permission is hereby granted, free of charge, to any\n person obtaining a copy":          "MIT",
		strings.ReplaceAll(bsd, "// ", "") + " … nor may be used to endorse or\npromote products": "BSD-3-Clause",
		strings.ReplaceAll(bsd, "// ", ""):                                                        "BSD-2-Clause",
		"Mozilla Public License Version 2.0\n==\n1.10. “Modifications”":                           "MPL-2.0",
		"This module is under the Mozilla Public License, version 2.0.":                           "",
		"GNU GENERAL PUBLIC LICENSE Version 3, 29 June 2007":                                      "",
		"": "",
	} {
		if got := strings.Join(identify(text), " "); got != want {
			t.Errorf("%q: %q, not %q", text, got, want)
		}
	}
}

func TestIsLicence(t *testing.T) {
	for name, want := range map[string]bool{
		"LICENSE": true, "LICENSE.txt": true, "license-MIT": true, "COPYING.md": true, "NOTICE": true, "PATENTS": true,
		"licence.go": false, "README.md": false, "licenses.json": false,
	} {
		if isLicence(name) != want {
			t.Errorf("%s: %v", name, !want)
		}
	}
}

// TestCopyLicences: also of folders on the way to what is linked, and of no
// others; without any a release stops.
func TestCopyLicences(t *testing.T) {
	dir, out := t.TempDir(), t.TempDir()
	m := module{path: "example.org/m", version: "v1", dir: dir, packages: []string{filepath.Join(dir, "a/b")}}
	const mit = "permission is hereby granted, free of charge, to any person obtaining a copy"
	for _, p := range []string{"a/b/x.go", "c/LICENSE"} {
		if err := store(filepath.Join(dir, p), []byte(mit)); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := m.copyLicences(out); err == nil || !strings.Contains(err.Error(), "example.org/m v1: no licence") {
		t.Errorf("%q, %v", got, err)
	}
	for p, text := range map[string]string{"LICENSE": mit, "a/LICENSE.BSD": "redistribution and use in source and binary forms", "NOTICE": "x"} {
		if err := store(filepath.Join(dir, p), []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := m.copyLicences(out); err != nil || got != "BSD-2-Clause AND MIT" {
		t.Errorf("%q, %v", got, err)
	}
	for p, want := range map[string]bool{"LICENSE": true, "a/LICENSE.BSD": true, "NOTICE": true, "c/LICENSE": false} {
		if _, err := os.Stat(filepath.Join(out, "example.org/m@v1", p)); (err == nil) != want {
			t.Errorf("%s: %v", p, err)
		}
	}
}

// TestLinkedFiles: what something was taken of, but for what Go made.
func TestLinkedFiles(t *testing.T) {
	const linkMap = `Archive member included to satisfy reference by file (symbol)

/usr/lib/gcc/x86_64-linux-gnu/12/../../../x86_64-linux-gnu/libseccomp.a(libseccomp_la-api.o)
                              /tmp/go-link-123/000021.o (seccomp_load)
/usr/lib/x86_64-linux-gnu/libc.a(read.o)
                              /usr/lib/x86_64-linux-gnu/libother.a(x.o) (read)

LOAD /usr/lib/x86_64-linux-gnu/crt1.o
LOAD /tmp/go-link-123/go.o
LOAD /usr/lib/x86_64-linux-gnu/libunused.a
`
	want := []string{"/usr/lib/x86_64-linux-gnu/crt1.o", "/usr/lib/x86_64-linux-gnu/libc.a", "/usr/lib/x86_64-linux-gnu/libseccomp.a"}
	if got := linkedFiles([]byte(linkMap)); !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	if _, err := linkedPackages(nil, nil); err == nil {
		t.Error("a program without libc is none of ours")
	}
}

// TestJoined: the program and the sources have the same modules.
func TestJoined(t *testing.T) {
	const list = `{"Dir":"/go/os","Standard":true}{"Dir":"/src/cmd","Module":{"Path":"main","Main":true}}
{"Dir":"/m/a","Module":{"Path":"example.org/m","Version":"v1","Dir":"/m"}}{"Dir":"/m/b","Module":{"Path":"example.org/m","Version":"v1","Dir":"/m"}}`
	dep := func(path, version string) *debug.Module {
		return &debug.Module{Path: path, Version: version, Sum: "h1:x"}
	}
	replaced := dep("example.org/m", "v1")
	replaced.Replace = dep("../m", "")
	for name, c := range map[string]struct {
		deps []*debug.Module
		want string
	}{
		"same":     {[]*debug.Module{dep("example.org/m", "v1")}, ""},
		"version":  {[]*debug.Module{dep("example.org/m", "v2")}, "the program has example.org/m v2, the sources have not"},
		"more":     {[]*debug.Module{dep("example.org/m", "v1"), dep("example.org/n", "v1")}, "the program has example.org/n v1, the sources have not"},
		"less":     {nil, "the sources have example.org/m v1, the program has not"},
		"replaced": {[]*debug.Module{replaced}, "example.org/m is replaced: a release is made of what go.mod names"},
	} {
		got, err := joined(&buildinfo.BuildInfo{GoVersion: "go1.2.3", Deps: c.deps}, []byte(list))
		if c.want != "" {
			if err == nil || err.Error() != c.want {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if err != nil || len(got) != 2 || got[0].path != std || got[0].version != "1.2.3" || !slices.Equal(got[1].packages, []string{"/m/a", "/m/b"}) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

// TestBill: an SBOM has each part once, and what is in it has a reference.
func TestBill(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(binary, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	b := bill{
		version: "v1", arch: "amd64", binary: binary, time: time.Unix(0, 0).UTC(), goVersion: "go1.2.3",
		modules:  []module{{path: "example.org/m", version: "v1+incompatible", licence: "MIT", sum: "h1:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="}},
		packages: []debian{{name: "libc6-dev", version: "2.36-9+deb12u14", arch: "amd64", source: "glibc", sourceVersion: "2.36-9+deb12u14", licence: "LGPL-2.1-or-later"}},
	}
	d, err := b.document()
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"pkg:deb/debian/libc6-dev@2.36-9%2Bdeb12u14?arch=amd64&upstream=glibc@2.36-9%2Bdeb12u14",
		"pkg:golang/example.org/m@v1%2Bincompatible",
	}
	if !slices.Equal(d.Dependencies[0].DependsOn, want) || len(d.Components) != 2 || d.Metadata.Timestamp != "1970-01-01T00:00:00Z" {
		t.Errorf("%+v", d)
	}
	if h := d.Components[0].Hashes; len(h) != 1 || h[0].Content != "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" {
		t.Errorf("%+v", h)
	}
	b.modules[0].sum = "h1:x"
	if _, err := b.document(); err == nil {
		t.Error("a checksum that is none")
	}
}
