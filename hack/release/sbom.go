package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"
)

// bill is all that an SBOM says.
type bill struct {
	version, arch, binary string
	time                  time.Time
	goVersion             string
	modules               []module
	packages, builders    []debian
}

// The parts of CycloneDX 1.6 that are used here, named as in its JSON Schema.
type (
	document struct {
		Format       string       `json:"bomFormat"`
		SpecVersion  string       `json:"specVersion"`
		Version      int          `json:"version"`
		Metadata     metadata     `json:"metadata"`
		Components   []component  `json:"components"`
		Dependencies []dependency `json:"dependencies"`
		Formulation  []formula    `json:"formulation"`
	}
	metadata struct {
		Timestamp  string      `json:"timestamp"`
		Lifecycles []lifecycle `json:"lifecycles"`
		Component  component   `json:"component"`
	}
	lifecycle struct {
		Phase string `json:"phase"`
	}
	component struct {
		Type     string    `json:"type"`
		Ref      string    `json:"bom-ref"`
		Name     string    `json:"name"`
		Version  string    `json:"version"`
		Scope    string    `json:"scope,omitempty"`
		Hashes   []hash    `json:"hashes,omitempty"`
		Licences []licence `json:"licenses,omitempty"`
		URL      string    `json:"purl,omitempty"`
	}
	hash struct {
		Algorithm string `json:"alg"`
		Content   string `json:"content"`
	}
	licence struct {
		Expression string `json:"expression"`
	}
	dependency struct {
		Ref       string   `json:"ref"`
		DependsOn []string `json:"dependsOn,omitempty"`
	}
	formula struct {
		Components []component `json:"components"`
	}
)

// escape is for one part of a package URL (github.com/package-url/purl-spec):
// "+" is not allowed in any.
func escape(s string) string {
	return strings.ReplaceAll(url.PathEscape(s), "+", "%2B")
}

func (m module) component() (component, error) {
	c := component{Type: "library", Name: m.path, Version: m.version, Scope: "required", Licences: []licence{{m.licence}}}
	c.URL = "pkg:golang/" + m.path + "@" + escape(m.version)
	c.Ref = c.URL
	if m.sum != "" {
		// The SHA-256 of go.sum, over a list of files and theirs
		// (golang.org/x/mod/sumdb/dirhash). cyclonedx-gomod has it here too.
		sum, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(m.sum, "h1:"))
		if err != nil || len(sum) != sha256.Size {
			return c, fmt.Errorf("%s: the checksum %q is not one of go.sum", m.path, m.sum)
		}
		c.Hashes = []hash{{"SHA-256", hex.EncodeToString(sum)}}
	}
	return c, nil
}

func (p debian) component(kind string) component {
	c := component{Type: kind, Name: p.name, Version: p.version}
	c.URL = fmt.Sprintf("pkg:deb/debian/%s@%s?arch=%s&upstream=%s", p.name, escape(p.version), p.arch, escape(p.source+"@"+p.sourceVersion))
	c.Ref = c.URL
	if p.licence != "" {
		c.Licences = []licence{{p.licence}}
	}
	return c
}

func (b bill) document() (document, error) {
	text, err := os.ReadFile(b.binary)
	if err != nil {
		return document{}, err
	}
	sum := sha256.Sum256(text)
	program := component{
		Type: "application", Name: "jailed-claude", Version: b.version,
		Hashes: []hash{{"SHA-256", hex.EncodeToString(sum[:])}}, Licences: []licence{{"Apache-2.0"}},
		URL: "pkg:golang/github.com/jailed-claude/jailed-claude@" + escape(b.version) + "?goarch=" + b.arch + "&goos=linux",
	}
	program.Ref = program.URL
	d := document{
		Format: "CycloneDX", SpecVersion: "1.6", Version: 1,
		Metadata: metadata{Timestamp: b.time.Format(time.RFC3339), Lifecycles: []lifecycle{{"build"}}, Component: program},
	}
	for _, m := range b.modules {
		c, err := m.component()
		if err != nil {
			return document{}, err
		}
		d.Components = append(d.Components, c)
	}
	for _, p := range b.packages {
		c := p.component("library")
		c.Scope = "required"
		d.Components = append(d.Components, c)
	}
	// What is in one static file is all in the program; which module asked for
	// which is in go.mod.
	whole := dependency{Ref: program.Ref}
	for _, c := range d.Components {
		whole.DependsOn = append(whole.DependsOn, c.Ref)
	}
	slices.Sort(whole.DependsOn)
	d.Dependencies = []dependency{whole}
	// What has to be the same for the same bytes.
	tools := []component{{Type: "application", Ref: "go-toolchain", Name: "go", Version: strings.TrimPrefix(b.goVersion, "go")}}
	for _, p := range b.builders {
		tools = append(tools, p.component("application"))
	}
	d.Formulation = []formula{{tools}}
	return d, nil
}

// write writes the SBOM to a file.
func (b bill) write(path string) error {
	d, err := b.document()
	if err != nil {
		return err
	}
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(d); err != nil {
		return err
	}
	return store(path, text.Bytes())
}
