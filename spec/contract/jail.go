package contract

import (
	"io/fs"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/jailed-claude/jailed-claude/spec/network"
)

// InitPath is where PID 1 of a jail lies inside it; jailinit.h compares
// argv[0] with it.
const InitPath = "/.jail/init"

// ProfilePath is the compiled seccomp profile of a jail in the root file system of an
// image, which PID 1 loads where nothing hands it one.
const ProfilePath = "/.jail/seccomp.bpf"

// CertsPath is where most programs look for certificates: the host's are there
// in a jail.
const CertsPath = "/etc/ssl/certs/ca-certificates.crt"

// ExtraCertsPath is where a jail has the certificates that the host's
// NODE_EXTRA_CA_CERTS names, or another of the variables of spec/authorities, with
// that of the jail's own authority behind them, if it has one.
const ExtraCertsPath = "/etc/ssl/certs/extra-ca.crt"

// JavaCertsPath is the trust store of Java as Debian has it.
const JavaCertsPath = "/etc/ssl/certs/java/cacerts"

// BrowserAuthorities are files of generated policies in which the certificate of the
// jail's authority is written when it is made: of Chromium, and of Chrome.
var BrowserAuthorities = []string{
	"/etc/chromium/policies/managed/jailed-claude-authority.json",
	"/etc/opt/chrome/policies/managed/jailed-claude-authority.json",
}

// AuthorityPath is where the certificate of the jail's authority is by itself.
const AuthorityPath = "/etc/ssl/certs/jail-authority.crt"

// AgentSocket is where a jail whose network has "ssh" finds its ssh agent.
const AgentSocket = "/run/jail/ssh-agent"

// WatchAnnotation names the annotation of config.json that lists what did not
// exist when the jail was made and would matter if the agent made it: a JSON
// object of paths, each with why it matters. A runtime reports those that
// appeared.
const WatchAnnotation = annotations + "watch"

// LinksAnnotation names the annotation that lists symlinks which the host
// follows to what it executes or trusts (a JSON object of path to target): a
// symlink cannot be a mount point, so the agent can replace it. A runtime
// reports those that changed.
const LinksAnnotation = annotations + "links"

// RepositoriesAnnotation names the annotation that lists the git repositories
// that lay in a writable project, and in each further folder that the jail may
// write, when it was made (a JSON object of the project to an array of folders).
// A runtime reports new ones.
const RepositoriesAnnotation = annotations + "repositories"

// NamesAnnotation names the annotation that lists what programs of the host would
// execute or trust in any folder (a JSON object of relative path to reason; a
// "*" stands for any characters of a name). A runtime reports those that are new
// in the folders of RepositoriesAnnotation, as deep as spec/search goes; of those
// folders themselves as if WatchAnnotation listed them.
const NamesAnnotation = annotations + "names"

// ChangesAnnotation names the annotation that lists what the agent may change, and
// what misleads or is run by programs of the host (a JSON object of path to
// reason; the path need not exist). A runtime reports those that changed; of a
// git index, the files that git is newly told to overlook.
const ChangesAnnotation = annotations + "changes"

// InstructsAnnotation names the annotation that lists what agents of the host take for
// instructions in any folder, and do not execute: a JSON array of relative paths, of
// files and folders, and of absolute ones of such files that were there at the start.
// A runtime names what was written of it, in the folders of RepositoriesAnnotation. It
// need not look for others in a folder to which nothing came.
const InstructsAnnotation = annotations + "instructs"

// TerminalAnnotation names the annotation that says what of the jail's output
// reaches the caller's terminal beyond what only shows things: the JSON object
// TerminalClipboardWrite. Without the annotation nothing does.
const TerminalAnnotation = annotations + "terminal"

// TerminalClipboardWrite as TerminalAnnotation lets the jail write to the
// clipboard.
const TerminalClipboardWrite = `{"clipboard":"write"}`

// NetworkAnnotation names the annotation that says what the jail may reach
// beyond its own loopback: a network.Config as JSON. A runtime that does not
// know it leaves the jail with its own loopback alone.
const NetworkAnnotation = annotations + "network"

// annotations is how the names of our annotations begin. Runtimes give
// meanings of their own to others.
const annotations = "io.github.jailed-claude."

// Jail is an OCI configuration and what its rootfs holds besides the mounts.
type Jail struct {
	Spec *specs.Spec
	// Network is what NetworkAnnotation says; nil where there is none.
	Network *network.Network
	Rootfs  []File
}

// Place is who and where an agent is.
type Place struct {
	User, Home, Project, RuntimeDir string
	UID                             int
}

// File is one generated entry of a rootfs.
type File struct {
	// Path is absolute inside the jail.
	Path string
	// Mode has the type bits of a folder, a symlink or a regular file.
	Mode fs.FileMode
	// Content of a regular file.
	Content []byte
	// Target of a symlink.
	Target string
}

// NestingFlag among the arguments of PID 1, before "--", lets the agent make
// namespaces.
const NestingFlag = "--nesting"

// FilterFlag among the arguments of PID 1, before "--", has what the agent writes
// filtered as for a terminal, wherever it goes; FilterClipboardFlag as
// TerminalClipboardWrite says.
const (
	FilterFlag          = "--filter-output"
	FilterClipboardFlag = FilterFlag + "=clipboard"
)
