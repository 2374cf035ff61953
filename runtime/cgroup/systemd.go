package cgroup

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"time"

	"github.com/godbus/dbus/v5"
)

// patience with systemd. It answers in milliseconds; one that hangs must not
// hang the jail.
const patience = 10 * time.Second

// systemd's names on D-Bus (org.freedesktop.systemd1(5)).
const (
	busName       = "org.freedesktop.systemd1"
	managerObject = dbus.ObjectPath("/org/freedesktop/systemd1")
	managerName   = busName + ".Manager"
)

// manager is a connection to the systemd manager that is responsible for the
// caller: the user's own, or the system's for root.
type manager struct {
	conn    *dbus.Conn
	object  dbus.BusObject
	signals chan *dbus.Signal
}

// scope asks systemd for a scope with this process inside, and divides it.
func (h *hierarchy) scope(ctx context.Context, id string, want []string) (jail string, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	m, err := h.connect(ctx)
	if err != nil {
		return "", err
	}
	defer m.conn.Close()
	if err := h.delegates(ctx, m, want); err != nil {
		return "", err
	}
	unit := name + id + ".scope"
	if err := m.start(ctx, unit, h); err != nil {
		return "", fmt.Errorf("systemd scope %s: %w", unit, err)
	}
	now, err := thisHost(h.supervisor)
	if err != nil {
		return "", err
	}
	dir := now.dir(now.own)
	if filepath.Base(dir) != unit {
		return "", fmt.Errorf("systemd scope %s: this process is still in %q", unit, now.own)
	}
	if jail, err = h.divide(dir, want); err != nil {
		return "", fmt.Errorf("systemd scope %s: %w", unit, err)
	}
	return jail, nil
}

// connect tries the manager's own socket, which needs no bus, and the bus.
func (h *hierarchy) connect(ctx context.Context) (*manager, error) {
	bus := filepath.Join(h.run, "bus")
	if h.uid == 0 {
		bus = filepath.Join(h.run, "dbus/system_bus_socket")
	}
	var errs []error
	for _, socket := range []string{filepath.Join(h.run, "systemd/private"), bus} {
		m, err := dial(ctx, socket, socket == bus, h.uid)
		if err == nil {
			return m, nil
		}
		errs = append(errs, err)
	}
	return nil, fmt.Errorf("%w: %w", errNoManager, errors.Join(errs...))
}

func dial(ctx context.Context, socket string, bus bool, uid int) (*manager, error) {
	conn, err := dbus.Dial("unix:path="+dbus.EscapeBusAddressValue(socket), dbus.WithContext(ctx))
	if err != nil {
		return nil, err
	}
	m := &manager{conn: conn, object: conn.Object(busName, managerObject), signals: make(chan *dbus.Signal, 64)}
	if err := m.greet(ctx, bus, uid); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", socket, err), conn.Close())
	}
	return m, nil
}

func (m *manager) greet(ctx context.Context, bus bool, uid int) error {
	if err := m.conn.Auth([]dbus.Auth{dbus.AuthExternal(strconv.Itoa(uid))}); err != nil {
		return err
	}
	m.conn.Signal(m.signals)
	if !bus {
		return nil // whoever is connected gets all signals
	}
	if err := m.conn.Hello(); err != nil {
		return err
	}
	err := m.conn.AddMatchSignalContext(ctx, dbus.WithMatchSender(busName), dbus.WithMatchInterface(managerName), dbus.WithMatchMember("JobRemoved"))
	if err != nil {
		return err
	}
	return m.object.CallWithContext(ctx, managerName+".Subscribe", 0).Err
}

// delegates: the manager has got all controllers, to hand them on to a scope.
func (h *hierarchy) delegates(ctx context.Context, m *manager, want []string) error {
	var v dbus.Variant
	err := m.object.CallWithContext(ctx, "org.freedesktop.DBus.Properties.Get", 0, managerName, "ControlGroup").Store(&v)
	if err != nil {
		return fmt.Errorf("ask systemd for its cgroup: %w", err)
	}
	cgroup, ok := v.Value().(string)
	if !ok {
		return fmt.Errorf("ask systemd for its cgroup: it is a %s", v.Signature())
	}
	if cgroup == "" {
		cgroup = "/" // systemd's name of the root
	}
	dir := h.dir(cgroup)
	if dir == "" {
		return fmt.Errorf("systemd's cgroup %q is not to be seen from here", cgroup)
	}
	missing := without(want, fields(dir, "cgroup.controllers"))
	if len(missing) == 0 {
		return nil
	}
	return &DelegationError{
		Missing: missing,
		Reason:  fmt.Sprintf("not delegated to %s", filepath.Base(cgroup)),
		Fix: []string{
			"sudo mkdir -p /etc/systemd/system/user@.service.d",
			`printf '[Service]\nDelegate=cpu cpuset io memory pids\n' | sudo tee /etc/systemd/system/user@.service.d/delegate.conf`,
			"sudo systemctl daemon-reload # then log out of all sessions, and in again",
		},
	}
}

// property of a unit, as StartTransientUnit takes it.
type property struct {
	Name  string
	Value dbus.Variant
}

// start makes a delegated scope of this process and waits until it is done.
//
// Without accounting systemd does not look out for processes that the kernel
// killed for want of memory. Some versions before 253 end the whole scope then
// (systemd issue 25376), and so the agent when its build needs too much. The
// controller is enabled all the same, by Delegate. CollectMode is since 236:
// whatever happens, no unit stays listed as failed.
func (m *manager) start(ctx context.Context, unit string, h *hierarchy) error {
	slice := "app.slice"
	if h.uid == 0 {
		slice = "system.slice"
	}
	properties := []property{
		{"Description", dbus.MakeVariant("A jail of jailed-claude")},
		{"Slice", dbus.MakeVariant(slice)},
		{"Delegate", dbus.MakeVariant(true)},
		{"MemoryAccounting", dbus.MakeVariant(false)},
		{"CollectMode", dbus.MakeVariant("inactive-or-failed")},
		{"PIDs", dbus.MakeVariant(h.processes())},
	}
	type auxiliary struct {
		Name       string
		Properties []property
	}
	var job dbus.ObjectPath
	err := m.object.CallWithContext(ctx, managerName+".StartTransientUnit", 0, unit, "fail", properties, []auxiliary{}).Store(&job)
	if err != nil {
		return err
	}
	return m.wait(ctx, job)
}

// wait for the signal JobRemoved(id, job, unit, result).
func (m *manager) wait(ctx context.Context, job dbus.ObjectPath) error {
	for {
		select {
		case s, ok := <-m.signals:
			if !ok {
				return errors.New("systemd hung up")
			}
			var id uint32
			var path dbus.ObjectPath
			var unit, result string
			if s.Name != managerName+".JobRemoved" || dbus.Store(s.Body, &id, &path, &unit, &result) != nil || path != job {
				continue
			}
			if result != "done" {
				return fmt.Errorf("the job ended with %q", result)
			}
			return nil
		case <-ctx.Done():
			return fmt.Errorf("wait for systemd: %w", ctx.Err())
		}
	}
}
