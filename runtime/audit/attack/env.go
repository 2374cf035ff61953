package attack

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// SecretPrefix begins every secret of a bait. What follows is not known inside,
// only its digest: an attack cannot take its own arguments for a find.
const SecretPrefix = "jailed-claude-audit-secret-"

// SecretLen is the length of a secret.
const SecretLen = len(SecretPrefix) + 32

// Bait is what the attacker is told: where things are that it must not reach.
type Bait struct {
	// Hash is the SHA-256 digest of the secret, in hexadecimal.
	Hash string
	// Mark begins the names of everything that attacks make.
	Mark string
	// Facts are what was promised.
	Facts Facts
	// Only are the classes and the names of the attacks that are made; none means
	// all.
	Only []string
	// UID of the caller on the host.
	UID int
	// Secrets are files with the secret by the place that they lie in.
	Secrets map[string]string
	// Handle is the file handle of Secrets["beside"] (open_by_handle_at(2)),
	// and HandleType its type.
	Handle     []byte
	HandleType int32
	// Private are folders and files of the host that an agent would like, by
	// what they are. They exist, and no grant holds them.
	Private map[string][]string
	// Inodes of host files, "dev:ino" by path.
	Inodes map[string]string
	// Sockets are addresses of listeners that answer with the secret: "tcp4",
	// "tcp6", "lan", "abstract", "file", …
	Sockets map[string]string
	// Services are sockets of programs of the host, by what they are.
	Services map[string][]string
	// PID is a process of the caller, Address where its memory has the secret
	// and FD a descriptor of it that can be read.
	PID     int
	Address uint64
	FD      int
	// Terminal is the device of the caller's terminal.
	Terminal string
	// Key is the description of a key in the caller's session keyring.
	Key string
	// SHM and MSG are System V keys, and MQ is a name. Where one is the zero
	// value, Lacks says why by the field's name.
	SHM, MSG int
	MQ       string
	Lacks    map[string]string
	// Accounts is the digest of the host's /etc/passwd.
	Accounts string
	// Stage is a folder of the project in which the host has laid out what it works
	// on (package moves), and Hidden are the names that the policy hides there.
	Stage  string
	Hidden map[string]string
	// Neighbour is a jail of another project.
	Neighbour Neighbour
	// StorePaths are some paths of the store that the closure has not.
	StorePaths []string
	// Further and Keys are for the attacks that have a jail of their own, and
	// empty in the other.
	Further FurtherFolder
	Caller  Caller
	Keys    Keys
	Desk    Desk
}

// Desk is the desktop of the caller, of which the jail may use some.
type Desk struct {
	// Project is the folder in which the jail works.
	Project string
	// Port is that of the editor's window with the project, Other that of a window
	// with another one, Planted that of one of which nothing but files of the jail can
	// know.
	Port, Other, Planted int
	// Config is the folder of Claude Code's configuration on the host.
	Config string
	// Outside is a file beside the project, with the secret.
	Outside string
	// Answer is a file that is there when the host has done what it was asked for.
	Answer string
	// Display is the number of an X server, Cookie the file with its cookie. Beside
	// that is the compositor's socket.
	Display int
	Cookie  string
}

// Caller is what the caller has in its home and its environment that has to do
// with the further folder.
type Caller struct {
	// Linked is a file that a dotfile links to, LinkedNew one that is not there.
	Linked, LinkedNew string
	// Program is a program in a folder on PATH, Ran a file that is there if
	// somebody has run it.
	Program, Ran string
	// Appended: standard error is a file to which the caller appends. It has the
	// secret.
	Appended bool
}

// FurtherFolder is one that the jail may write besides the project.
type FurtherFolder struct {
	Dir string
	// Lacks says why there is none.
	Lacks string
}

// Keys are services for which the host holds keys, all of them the secret, and
// brokers put them in. The fields that are not said to be something else are
// the services' names.
type Keys struct {
	// Service passes on what lies below /allowed/, Rules "GET /read/**", Login
	// and Cloud (of AWS) everything.
	Service, Rules, Login, Cloud string
	// Made is a service at which the jail can log in.
	Made string
	// Upstream is where all of them are, on the host.
	Upstream string
	// Files are those of the host that keys lie in.
	Files []string
	// Agent is the socket of the host's ssh agent.
	Agent string
	// Lent is the key of the host's ssh agent that the jail may use, for git's
	// signatures alone; Own is another one of it.
	Lent, Own []byte
	// Lacks says why there are none.
	Lacks string
}

// Neighbour is a project of the caller with jails of its own: one has been there,
// one runs beside the attacks.
type Neighbour struct {
	Project string
	// Kept are the files with its secret in what is kept for it.
	Kept []string
	// Folders are those of Facts.State in which something is.
	Folders []string
	// TCP is where it listens on its loopback, and SHM its System V key.
	TCP string
	SHM int
}

// Facts are what the jail's configuration promises. The zero value promises
// everything.
type Facts struct {
	// Net is the network mode: "none", "filtered", "internet" or "host"; empty
	// for what is not known, from which then nothing may be reachable.
	Net string
	// Project, Home and RuntimeDir are the folders of the caller.
	Project, Home, RuntimeDir string
	// State is jailed-claude's own, of all projects.
	State string
	// ReadOnly: the project cannot be changed.
	ReadOnly bool
	// Layer: what is changed in the project reaches the host only when the user
	// applies it.
	Layer bool
	// Protected lie in the project and are read-only.
	Protected []string
	// Hidden are paths of the project that the policy hides.
	Hidden []string
	// Hides are the patterns by which it does.
	Hides []string
	// Granted are host paths that are in the jail.
	Granted []string
	// Nesting: the agent may make namespaces.
	Nesting bool
	// NixDaemon: the daemon's socket is granted.
	NixDaemon bool
	// Clipboard and IDE: these bridges to the desktop are granted.
	Clipboard, IDE bool
	// Memory (bytes) and Pids are limits, 0 without.
	Memory, Pids int64
}

// Env is what an attack has.
type Env struct {
	Bait
	// Self is the path of this program.
	Self string
	// Ask has the host do something. It does not wait for it.
	Ask func(what string) error
}

// Wants reports whether an attack is to be made.
func (b *Bait) Wants(a Attack) bool {
	return len(b.Only) == 0 || slices.Contains(b.Only, a.Class) || slices.Contains(b.Only, a.Name)
}

// WantsAny is Wants for one of them.
func (b *Bait) WantsAny(all []Attack) bool { return slices.ContainsFunc(all, b.Wants) }

// Digest is that of Bait.Hash.
func Digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// IsSecret reports whether text holds the secret of this audit.
func (b *Bait) IsSecret(text []byte) bool {
	for {
		i := bytes.Index(text, []byte(SecretPrefix))
		if i < 0 || len(text)-i < SecretLen {
			return false
		}
		if Digest(text[i:i+SecretLen]) == b.Hash {
			return true
		}
		text = text[i+len(SecretPrefix):]
	}
}

// Limit is how much is read of anything.
const Limit = 1 << 20

// Reads tries to read the secret from a file.
func (e *Env) Reads(path string) Result {
	f, err := os.Open(path)
	if err != nil {
		return HeldBy("%s", Plain(err))
	}
	defer f.Close()
	return e.ReadsFrom(f, path)
}

// ReadsFrom tries to read the secret from something that is open.
func (e *Env) ReadsFrom(r io.Reader, what string) Result {
	text, err := io.ReadAll(io.LimitReader(r, Limit))
	if e.IsSecret(text) {
		return Through("the secret was read from %s", what)
	}
	if err != nil {
		return HeldBy("%s", Plain(err))
	}
	return HeldBy("there is something else")
}

// Secret tries to read the secret in a place of Secrets, by the path that path
// makes of it.
func (e *Env) Secret(place string, path func(string) string) Result {
	p, ok := e.Secrets[place]
	if !ok {
		return Inapplicable("%s", NoPlace)
	}
	return e.Reads(path(p))
}

// NoPlace is why there is no bait in a place.
const NoPlace = "the policy grants that place, or the host has none"

// Within says whether p is dir or lies in it.
func Within(p, dir string) bool {
	return p == dir || dir == "/" || strings.HasPrefix(p, dir+"/")
}

// Marked is a name for what attacks make. It tells whose it is.
func (b *Bait) Marked(what string) string { return b.Mark + "-" + what }

// Scratch is a folder of the jail's own that can be written.
func (e *Env) Scratch(name string) string {
	for _, dir := range []string{"/tmp", os.Getenv("TMPDIR"), "/var/tmp", e.Facts.Home, e.Facts.Project} {
		if dir == "" {
			continue
		}
		p := filepath.Join(dir, e.Marked(name))
		f, err := os.OpenFile(p, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if err != nil {
			continue
		}
		_ = f.Close()
		_ = os.Remove(p)
		return p
	}
	return filepath.Join("/tmp", e.Marked(name))
}

// Encode returns the argument that suite.Inside takes.
func (b *Bait) Encode() (string, error) {
	text, err := json.Marshal(b)
	if err != nil {
		return "", fmt.Errorf("encode the bait: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(text), nil
}

// Expand puts the caller's folders into a path.
func Expand(p string, f Facts, uid int) string {
	return strings.NewReplacer("{run}", f.RuntimeDir, "{home}", f.Home, "{uid}", strconv.Itoa(uid)).Replace(p)
}
