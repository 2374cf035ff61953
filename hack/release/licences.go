package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// isLicence: the file is one that has to go with the program.
func isLicence(name string) bool {
	name = strings.ToUpper(name)
	if ext := filepath.Ext(name); ext == ".GO" || ext == ".JSON" || ext == ".SPDX" {
		return false
	}
	for _, prefix := range []string{"LICENSE", "LICENCE", "COPYING", "COPYRIGHT", "NOTICE", "PATENTS"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// known are the licences that may be linked into the program, by words that
// only their texts have (all of the first, none of the second), with the
// identifiers of SPDX. MPL-2.0 asks for the sources of its files, which are
// public and unchanged.
var known = []struct {
	id        string
	has, hasn []string
}{
	{"Apache-2.0", []string{"apache license version 2.0, january 2004"}, nil},
	{"MPL-2.0", []string{"mozilla public license version 2.0", "1.10. \"modifications\""}, nil},
	{"MIT", []string{"permission is hereby granted, free of charge, to any person obtaining a copy"}, nil},
	{"BSD-3-Clause", []string{"redistribution and use in source and binary forms", "endorse or promote products"}, nil},
	{"BSD-2-Clause", []string{"redistribution and use in source and binary forms"}, []string{"endorse or promote products"}},
	{"ISC", []string{"permission to use, copy, modify, and/or distribute this software for any purpose"}, nil},
}

// identify returns the licences whose text this is, sorted.
func identify(text string) (ids []string) {
	text = strings.ToLower(strings.Join(strings.Fields(text), " "))
	text = strings.NewReplacer("“", `"`, "”", `"`).Replace(text)
	in := func(words string) bool { return strings.Contains(text, words) }
	for _, k := range known {
		if !slices.ContainsFunc(k.has, func(w string) bool { return !in(w) }) && !slices.ContainsFunc(k.hasn, in) {
			ids = append(ids, k.id)
		}
	}
	slices.Sort(ids)
	return ids
}

// copyLicences copies the licences of m below dir, and returns them as an SPDX
// expression. A module without one that may be linked is an error.
func (m module) copyLicences(dir string) (string, error) {
	files, err := m.licenceFiles()
	if err != nil {
		return "", err
	}
	var ids []string
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return "", err
		}
		ids = append(ids, identify(string(text))...)
		rel, err := filepath.Rel(m.dir, file)
		if err != nil {
			return "", err
		}
		if err := store(filepath.Join(dir, m.path+"@"+m.version, rel), text); err != nil {
			return "", err
		}
	}
	if len(ids) == 0 {
		return "", fmt.Errorf("%s %s: no licence that may be linked into the program, in %q", m.path, m.version, files)
	}
	slices.Sort(ids)
	return strings.Join(slices.Compact(ids), " AND "), nil
}

// store writes a new file and the folders that it needs.
func store(path string, text []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, text, 0o644) //nolint:gosec // it is for everybody
}

// writeNotice writes the list for people.
func writeNotice(path string, modules []module, packages []debian) error {
	var b strings.Builder
	b.WriteString("# What is linked into this program\n\n" +
		"Go modules, whose licences are below `go/`:\n\n| module | version | licence |\n|---|---|---|\n")
	for _, m := range modules {
		name := m.path
		if name == std {
			name = "Go's runtime and library"
		}
		fmt.Fprintf(&b, "| %s | %s | %s |\n", name, m.version, m.licence)
	}
	b.WriteString("\nC libraries, as Debian builds them; their licences are below `debian/`:\n\n" +
		"| package | version | source package | licence |\n|---|---|---|---|\n")
	for _, p := range packages {
		fmt.Fprintf(&b, "| %s | %s | %s %s | %s |\n", p.name, p.version, p.source, p.sourceVersion, p.licence)
	}
	var lesser []string
	for _, p := range packages {
		if strings.HasPrefix(p.licence, "LGPL") {
			lesser = append(lesser, p.source)
		}
	}
	slices.Sort(lesser)
	fmt.Fprintf(&b, "\nUnder the GNU Lesser General Public License: %s. You may change that and link this\n"+
		"program with what you changed: `docs/release.md` says how.\n", strings.Join(slices.Compact(lesser), ", "))
	return store(path, []byte(b.String()))
}
