package network

import "testing"

// TestBelow: a broker of all names below a domain is none of others.
func TestBelow(t *testing.T) {
	b := Broker{Host: "*.amazonaws.com", From: "aws:work"}.Complete()
	if err := b.Check(); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{"s3.amazonaws.com": true, "a.b.amazonaws.com": true, "amazonaws.com": false, "evilamazonaws.com": false, "amazonaws.com.example": false, "": false} {
		if b.Serves(name) != want {
			t.Errorf("%q: %v", name, !want)
		}
	}
	for _, bad := range []Broker{
		{Host: "*.example.com", From: "env:X", Header: "Authorization"},
		{Host: "*.com", From: "aws:work"},
		{Host: "*", From: "aws:work"},
		{Host: "s3.*.amazonaws.com", From: "aws:work"},
		{Upstream: "https://s3.amazonaws.com", Name: "s", From: "aws:work"},
		{Host: "s3.amazonaws.com", From: "aws:"},
		{Host: "s3.amazonaws.com", From: "aws:work", Header: "X-Api-Key"},
	} {
		if err := bad.Complete().Check(); err == nil {
			t.Errorf("%+v is no broker", bad)
		}
	}
}
