package main

import (
	"encoding/xml"
	"strings"
	"testing"
)

func TestDraw(t *testing.T) {
	var out strings.Builder
	screen := "\x1b[1;32m$\x1b[0m ls <a> & b  \n\x1b[38;5;196mred \x1b[38;2;1;2;3mmixed\x1b[39m plain\n\n   \n"
	if err := draw(strings.NewReader(screen), &out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`fill="#98c379" font-weight="bold">$</text>`,
		`> ls &lt;a&gt; &amp; b</text>`,
		`fill="rgb(255,0,0)">red </text>`,
		`fill="rgb(1,2,3)">mixed</text>`,
		`> plain</text>`,
		`height="64"`, // two lines: what is empty at the end does not count
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %s in\n%s", want, out.String())
		}
	}
	if err := xml.Unmarshal([]byte(out.String()), new(struct{})); err != nil {
		t.Errorf("not well-formed: %v", err)
	}
	for _, not := range []string{"<script", "href", "\x1b"} {
		if strings.Contains(out.String(), not) {
			t.Errorf("the picture has %q", not)
		}
	}
}
