package egress

import (
	"io"
	"strings"
	"testing"
	"time"

	"github.com/jailed-claude/jailed-claude/spec/network"
)

// TestChange: what the user allows works at once, and what the user denies ends.
func TestChange(t *testing.T) {
	serve(t, "93.184.216.34:80", echo)
	w := newWorld(t, mode(network.Filtered, "other.example"))
	if _, err := w.to("good.example:80"); err == nil {
		t.Error("it is reached before")
	}
	if err := w.session.Allow([]string{"good.example:80"}); err != nil {
		t.Fatal(err)
	}
	c := w.mustTo("good.example:80")
	if err := talk(c, "93.184.216.34:80"); err != nil {
		t.Fatal(err)
	}
	c = w.mustTo("good.example:80")
	if _, err := c.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(c, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	if err := w.session.Deny([]string{"good.example"}); err != nil {
		t.Fatal(err)
	}
	_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.ReadAll(c); err == nil || strings.Contains(err.Error(), "timeout") {
		t.Errorf("the connection goes on: %v", err)
	}
	if _, err := w.to("good.example:80"); err == nil {
		t.Error("it is reached afterwards")
	}
	sum := w.close()
	if len(sum.Added) != 1 || sum.Added[0] != "good.example:80" {
		t.Errorf("%+v", sum)
	}
}

// TestAsk: a connection waits for the user, and nobody outside hears of the name
// before the answer.
func TestAsk(t *testing.T) {
	serve(t, "93.184.216.34:80", echo)
	w := newWorld(t, func(w *world, o *Options, l *limits) {
		mode(network.Filtered, "other.example")(w, o, l)
		config := o.Config.Config
		config.Ask = true
		n, err := config.Parse()
		if err != nil {
			t.Fatal(err)
		}
		o.Config = n
	})
	c := w.mustTo("good.example:80")
	for len(w.session.Waiting()) == 0 {
		time.Sleep(time.Millisecond)
	}
	if d := w.dials(); len(d) > 0 {
		t.Errorf("%v was dialled", d)
	}
	if got := w.session.Waiting(); got[0] != "good.example:80" {
		t.Errorf("%q", got)
	}
	begun := time.Now()
	if err := w.session.Allow([]string{"good.example:80"}); err != nil {
		t.Fatal(err)
	}
	if err := talk(c, "93.184.216.34:80"); err != nil {
		t.Fatal(err)
	}
	t.Logf("from the yes to the end of the exchange: %v", time.Since(begun))
	// A no is immediate.
	c = w.mustTo("evil.example:80")
	for len(w.session.Waiting()) == 0 {
		time.Sleep(time.Millisecond)
	}
	if err := w.session.Deny([]string{"evil.example"}); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(c); err == nil {
		t.Error("what was denied was not reset")
	}
	w.close()
}
