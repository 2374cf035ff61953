package world

import (
	"bufio"
	"context"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/godbus/dbus/v5"
)

// Notification is what a desktop was asked to show.
type Notification struct{ App, Summary, Body string }

// desktop plays org.freedesktop.Notifications.
type desktop struct {
	shown chan Notification
	last  uint32
}

// These are methods of the Desktop Notifications Specification.
func (d *desktop) GetCapabilities() ([]string, *dbus.Error) {
	return []string{"body", "body-markup"}, nil
}

// GetServerInformation says which desktop it is.
func (d *desktop) GetServerInformation() (name, vendor, version, spec string, _ *dbus.Error) {
	return "world", "jailed-claude", "1", "1.2", nil
}

// Notify is called by the bus's connection, one call after the other.
func (d *desktop) Notify(app string, _ uint32, _, summary, body string, _ []string, _ map[string]dbus.Variant, _ int32) (uint32, *dbus.Error) {
	d.last++
	d.shown <- Notification{app, summary, body}
	return d.last, nil
}

// Desktop is a session bus of the world's caller, a real one, with a desktop that
// shows notifications.
func (w *World) Desktop() <-chan Notification {
	w.T.Helper()
	RequireTool(w.T, "notify-send")
	daemon := RequireTool(w.T, "dbus-daemon")
	socket := filepath.Join(w.Dir, "run", "session-bus")
	config := w.Write(filepath.Join(w.Dir, "bus.conf"), `<busconfig><type>session</type><listen>unix:path=`+socket+`</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/></policy></busconfig>`)
	c := exec.Command(daemon, "--nofork", "--print-address=1", "--config-file="+config)
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := c.StdoutPipe()
	if err == nil {
		err = c.Start()
	}
	if err != nil {
		w.T.Fatal(err)
	}
	w.T.Cleanup(func() { _ = c.Process.Kill(); _ = c.Wait() })
	address, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		w.T.Fatal("dbus-daemon: ", err)
	}
	w.Env["DBUS_SESSION_BUS_ADDRESS"] = strings.TrimSpace(address)
	// A bus that does not answer is no reason to wait for ever.
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	w.T.Cleanup(cancel)
	conn, err := dbus.Connect(w.Env["DBUS_SESSION_BUS_ADDRESS"], dbus.WithContext(ctx))
	if err != nil {
		w.T.Fatal(err)
	}
	w.T.Cleanup(func() { conn.Close() })
	d := &desktop{shown: make(chan Notification, 100)}
	if err := conn.Export(d, "/org/freedesktop/Notifications", "org.freedesktop.Notifications"); err != nil {
		w.T.Fatal(err)
	}
	if r, err := conn.RequestName("org.freedesktop.Notifications", dbus.NameFlagDoNotQueue); err != nil || r != dbus.RequestNameReplyPrimaryOwner {
		w.T.Fatal("the bus has another desktop: ", err)
	}
	return d.shown
}
