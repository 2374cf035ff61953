package agent

import (
	"cmp"
	"net/url"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/jailed-claude/jailed-claude/spec/network"
)

// Agent is one row. An empty field says that there is no such thing, or that
// nobody has looked yet.
type Agent struct {
	// Name is how policies and presets call it; Title is for people.
	Name, Title string
	// Programs are names on PATH that start it, the usual one first.
	Programs []string
	// Install is a command that installs it, InstallNix one by Nix.
	Install, InstallNix string
	// Package is the npm package that has it, Seen the version that the row was
	// made from, and Scripts the package whose scripts npm has to run.
	Package, Seen, Scripts string
	// Own: the row is of the user's policy, and of no table.
	Own bool

	// Folders are where it keeps what it knows, below the home. The first one is
	// its configuration.
	Folders []Folder
	// Beside are other files and folders below the home that its program executes or
	// follows. No jail has them in its place: others read them too.
	Beside []string
	// Managed is the folder of an organisation's settings for all users.
	Managed string

	// Project is what its program on the host executes or trusts in a project.
	Project []File
	// Follows are files and folders of a project that instruct it, or that it
	// looks for and does not execute: text that it follows as it follows the code.
	Follows []string
	// ProjectCommands are the JSON files of a project that Settings apply to.
	ProjectCommands []string
	// ProjectVariable holds the project's folder where commands are run.
	ProjectVariable string
	// Settings are keys of its JSON files by which it starts programs, or lets
	// others do so unasked.
	Settings []setting

	// Variables are set in its jails.
	Variables []Variable
	// Hosts are what it calls to work and to log in: the preset "@" + Name.
	Hosts []string
	// Keys are secrets that it sends to a service.
	Keys []Key
	// Logins are those of the user that it can use without having them, beside
	// what Keys have of that.
	Logins []Login
	// LogIn are the arguments of its program that log in, where what comes of
	// that can be kept outside.
	LogIn []string
	// Sandbox is the one that it puts its own commands into.
	Sandbox Sandbox
	// Brief is how a text of the jail's gets into its context.
	Brief Brief
}

// Brief says where an agent looks for text that is not the user's own and not
// the project's. What it has of its own it reads beside that.
type Brief struct {
	// File is one that it reads, outside of the folders that it keeps.
	File string
	// Key: File is TOML, and the text the value of this key.
	Key string
	// Variable and Value make it read the text at brief.TextPath, or File.
	Variable, Value string
}

// Sandbox is an agent's own, which cannot be set up in a jail.
type Sandbox struct {
	// Off are the arguments that switch it off, Short is another name of the
	// first, and each of Also does it as well.
	Off   []string
	Short string
	Also  []string
	// On are arguments that ask for it.
	On []string
	// File and Text: this text in that file, which only jails have, switches it off,
	// until somebody asks for it.
	File, Text string
	// Variable and Value do so, whatever its settings say.
	Variable, Value string
	// Nesting: it works in a jail with identity.nesting.
	Nesting bool
	// Bwrap: it brings a bubblewrap, and prefers one that is on PATH.
	Bwrap bool
}

// Folder is a folder below the home.
type Folder struct {
	// Path is where it is, relative to the home; of a folder of the XDG base
	// directory specification where that is by default.
	Path string
	// Variable names another place, if the caller has set it. Below says that it
	// names the folder's parent, as XDG_CONFIG_HOME does.
	Variable string
	Below    bool
	// Beside is a file next to the folder that belongs to it. With Variable set
	// it lies inside.
	Beside string
	// Trusted is what of it the program on the host executes or believes. Beside
	// is not among it.
	Trusted []File
	// Seeds are what of it a first run in a private one copies from the host's.
	Seeds []Seed
	// Sourced are folders in it that the shells of a running agent read: a jail
	// has its own.
	Sourced []string
	// State are files and folders in Trusted folders that hold what the
	// program remembers, and that it neither executes nor follows.
	State []string
	// Login is the file with the user's login.
	Login string
}

// Seed is a file that holds nothing secret and nothing that is executed; or one
// that holds, beside others, keys of that kind.
type Seed struct {
	Path string
	// Keys are those of a JSON or TOML file whose values are copied, if they are
	// plain ones: "model", "ui.theme". Without, the file is a text, copied whole.
	Keys []string
}

// File is a file or folder, relative to the project or to its Folder.
type File struct {
	Path string
	// What names it, for people: "settings".
	What string
	// Watch: where it is missing, it would be used as soon as a jail made it.
	Watch bool
	// Seed: it instructs the agent and is not executed, so that a first run of a
	// private configuration gets a copy.
	Seed bool
	// Review: it is shown when the user asks what a jail changed in its private
	// configuration. What is not is state: transcripts, caches, sessions.
	Review bool
	// Whole: it is named alone, without what is in it: programs, or secrets.
	Whole bool
	// Empty is a form of it that means nothing to the program, for where it is
	// missing and must be there to be held.
	Empty Empty
}

// Empty is an empty file or folder.
type Empty struct {
	Kind EmptyKind
	// Text is what is in a file; ReadOnly says that it must not be writable.
	Text     string
	ReadOnly bool
}

// EmptyKind is what an Empty is.
type EmptyKind int

// Kinds of Empty.
const (
	NoEmpty EmptyKind = iota // there is no form of it that means nothing
	EmptyFile
	EmptyFolder
)

// setting is a key of a JSON file.
type setting struct {
	Key string
	// How says what the program does by it, for people; empty for keys that only
	// hold a command of another one.
	How string
	// Command: its value, or a "command" and "args" in it, is run.
	Command bool
}

// Variable is one that is set in a jail.
type Variable struct {
	Name, Value string
	When        When
}

// When says in which jails.
type When int

// Values of When.
const (
	Always   When = iota
	AsRoot        // where the agent has uid 0
	Limited       // where it cannot reach all of the internet
	Brokered      // where a broker stands for one of its services
)

// Key is a secret that a broker keeps outside of the jail.
type Key struct {
	// Broker is the name of the broker that is made of the caller's own key.
	Broker string
	// Variable holds the key, URL the address of the service where that is not
	// Upstream.
	Variable, URL string
	// Inside holds the placeholder in a jail too, where the agent does not always
	// look into Variable.
	Inside string
	// Elsewhere is a variable by which a caller sends the key to another service
	// although a jail does not set it.
	Elsewhere string
	// Upstream is the service, "https://HOST".
	Upstream string
	// Header is the request header that carries the key.
	Header string
	// ByName: the agent speaks to Upstream by its own name, and URL is for hosts
	// where it cannot. It takes another name for another service.
	ByName bool
	// Paths are what the agent calls: see network.Broker.
	Paths []string
	// Also are other services that the agent sends the same key to.
	Also []Service
	// Tokens is where it logs in, if the key can be the token of a login.
	Tokens *Tokens
}

// Tokens is a service that gives out logins.
type Tokens struct {
	// Name is that of the broker that keeps them, Upstream the service.
	Name, Upstream string
	// Path gives tokens out, Revoke ends them.
	Path, Revoke string
}

// Broker is the broker of the service. It does not say yet whose tokens they
// are.
func (t Tokens) Broker() network.Broker {
	return network.Broker{Name: t.Name, Upstream: t.Upstream, Tokens: &network.Tokens{Path: t.Path, Revoke: t.Revoke}}
}

// Sent reports whether a caller who has that address in URL or Elsewhere sends the
// key to Upstream.
func (k Key) Sent(address string) bool {
	address = strings.TrimSuffix(address, "/")
	if k.Elsewhere != "" {
		address = strings.TrimSuffix(address, "/v1")
	}
	if u, err := url.Parse(address); err == nil {
		u.Host = strings.TrimSuffix(strings.TrimSuffix(strings.ToLower(u.Host), ":443"), ".")
		address = u.String()
	}
	return address == "" || address == k.Upstream
}

// For is the broker of a key that comes from where from says.
func (k Key) For(from string) network.Broker {
	return network.Broker{
		Name: k.Broker, Upstream: k.Upstream, Header: k.Header, From: from,
		Env: cmp.Or(k.Inside, k.Variable), URLEnv: k.URL, Paths: k.Paths,
	}
}

// More are the brokers of the other services of a key.
func (k Key) More(from string) (all []network.Broker) {
	for _, s := range k.Also {
		all = append(all, network.Broker{Name: s.Name, As: k.Broker, Upstream: "https://" + s.Host, Header: "Authorization", From: from, Paths: s.Paths})
	}
	return all
}

// Default is the agent of a jail whose policy names none.
func Default() Agent { return claude() }

// claude and rows are made once: a start asks for them again and again. Nobody
// changes what they hold.
var (
	claude = sync.OnceValue(Claude)
	rows   = sync.OnceValue(all)
)

// All are the rows.
func All() []Agent { return slices.Clone(rows()) }

func all() []Agent { return append([]Agent{Claude()}, others()...) }

// Names are those of the agents that a jail can run, the default one first.
func Names() []string {
	var names []string
	for _, a := range rows() {
		if len(a.Programs) > 0 {
			names = append(names, a.Name)
		}
	}
	return names
}

// Named is the agent of that name, or Default if name is empty. Others than
// those of Names have no program.
func Named(name string) Agent {
	for _, a := range rows() {
		if a.Name == name {
			return a
		}
	}
	return Default()
}

// Running is the agent that a program starts; a package may be named after it.
func Running(program string) (Agent, bool) {
	for _, a := range rows() {
		if slices.Contains(a.Programs, program) {
			return a, true
		}
	}
	return Agent{}, false
}

// Config is the folder of the agent's configuration.
func (a Agent) Config() Folder {
	if len(a.Folders) == 0 {
		return Folder{}
	}
	return a.Folders[0]
}

// OwnFolder holds what is kept of agents of the user's own.
const OwnFolder = "own"

// Kept are the folders of a host that are the agent's in the jails of a project, in
// their order, where state is what is kept for that project. They have to exist
// before a jail starts.
func (a Agent) Kept(state string) []string {
	if a.Name == Default().Name {
		return []string{path.Join(state, a.Name)}
	}
	dir := path.Join(state, a.Name)
	if a.Own {
		// What else lies in that folder has names too.
		dir = path.Join(state, OwnFolder, a.Name)
	}
	var list []string
	for _, f := range a.Folders {
		list = append(list, path.Join(dir, f.Path))
	}
	return list
}

// On is where the folder is on a host, for a user with that environment and home.
func (f Folder) On(env map[string]string, home string) string {
	dir := env[f.Variable]
	switch {
	case !path.IsAbs(dir):
		return path.Join(home, f.Path)
	case f.Below:
		return path.Join(dir, path.Base(f.Path))
	}
	return path.Clean(dir)
}

// Set are the variables of jails of that kind.
func (a Agent) Set(when When) []Variable {
	return slices.DeleteFunc(slices.Clone(a.Variables), func(v Variable) bool { return v.When != when })
}

// CommandKeys are the keys of JSON files whose values are commands or their
// arguments.
func (a Agent) CommandKeys() []string {
	keys := []string{"command", "args"}
	for _, s := range a.Settings {
		if s.Command && !slices.Contains(keys, s.Key) {
			keys = append(keys, s.Key)
		}
	}
	return keys
}

// How says what the program starts by a key of its settings; empty if nothing.
func (a Agent) How(key string) string {
	for _, s := range a.Settings {
		if s.Key == key {
			return s.How
		}
	}
	return ""
}

// File is the trusted file of that name, as Trusted has it.
func (f Folder) File(name string) (File, bool) {
	i := slices.IndexFunc(f.Trusted, func(t File) bool { return t.Path == name })
	if i < 0 {
		return File{}, false
	}
	return f.Trusted[i], true
}
