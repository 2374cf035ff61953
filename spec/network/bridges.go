package network

import "fmt"

// Bridges are what programs of the host do for a jail that asks. None of them
// does anything in the jail.
type Bridges struct {
	// Open has the host open a page in its browser: BridgeAsk or BridgeAlways;
	// empty for never.
	Open string `json:"open,omitempty"`
	// Clipboard is BridgeImages: images are read from the host's clipboard.
	Clipboard string `json:"clipboard,omitempty"`
	// Notify shows notifications on the desktop.
	Notify bool `json:"notify,omitempty"`
	// IDE is IDEContext or IDEDiffs: the window of the editor that has the project
	// open is at IDEPort of the jail's loopback; empty for none.
	IDE string `json:"ide,omitempty"`
	// Display is DisplayWayland, DisplayX11 or DisplayX11Trusted: the jail has the
	// socket of the user's display; empty for none.
	Display string `json:"display,omitempty"`
}

// Values of Bridges. BridgeOff is what a policy says for none.
const (
	BridgeOff    = "off"
	BridgeAsk    = "ask"
	BridgeAlways = "always"
	BridgeImages = "images"
	// IDEContext reads what the editor shows and says of files that the jail has,
	// IDEDiffs shows diffs of those that it writes, besides.
	IDEContext = "context"
	IDEDiffs   = "diffs"
	// With DisplayX11 a client is one that the server does not trust (X11's SECURITY
	// extension), with DisplayX11Trusted it is one like all others of the user's.
	DisplayWayland    = "wayland"
	DisplayX11        = "x11"
	DisplayX11Trusted = "x11-trusted"
)

// IDEPort is where the editor is in a jail that has it.
const IDEPort = 28911

// The bridges by their names.
const (
	BridgeOpen      = "open"
	BridgeClipboard = "clipboard"
	BridgeNotify    = "notify"
	BridgeIDE       = "ide"
	BridgeDisplay   = "display"
)

func (b *Bridges) check() error {
	switch {
	case b == nil:
	case *b == Bridges{}:
		return fmt.Errorf("bridges: there is none")
	case b.Open != "" && b.Open != BridgeAsk && b.Open != BridgeAlways:
		return fmt.Errorf("bridges: open is %q, not %q or %q", b.Open, BridgeAsk, BridgeAlways)
	case b.Clipboard != "" && b.Clipboard != BridgeImages:
		return fmt.Errorf("bridges: clipboard is %q, not %q", b.Clipboard, BridgeImages)
	case b.Display != "" && b.Display != DisplayWayland && b.Display != DisplayX11 && b.Display != DisplayX11Trusted:
		return fmt.Errorf("bridges: display is %q, not %q, %q or %q", b.Display, DisplayWayland, DisplayX11, DisplayX11Trusted)
	case b.IDE != "" && b.IDE != IDEContext && b.IDE != IDEDiffs:
		return fmt.Errorf("bridges: ide is %q, not %q or %q", b.IDE, IDEContext, IDEDiffs)
	}
	return nil
}
