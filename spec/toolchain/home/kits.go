package home

import (
	"fmt"
	"slices"
	"strings"
)

// kit is one toolchain of the home.
type kit struct {
	// Name is that of policies. Several may have one.
	Name string
	// Roots are where it may be, below the home; Variable names another place.
	Roots    []string
	Variable string
	// Parts are what of a root is granted; "" is all of it.
	Parts []string
	// Beside are programs elsewhere below the home that belong to it.
	Beside []string
	// Bins are folders of a root for PATH, the best first, as patterns. Of one
	// that matches several the last version counts. They are for callers whose
	// own PATH leads into none of it.
	Bins []string
	// Marks are files of a project that say that it uses this one, Needs files of
	// projects that use it where the caller's PATH leads into it.
	Marks, Needs []string
	// Env are variables that its programs need; $ROOT is the root.
	Env map[string]string
}

// Names of policies that are no toolchain: those that the project uses, and
// none, without being asked.
const (
	Auto = "auto"
	None = "none"
)

// kits are all that are known.
func kits() []kit {
	js := []string{"package.json"}
	python := []string{"pyproject.toml", "setup.py", "requirements.txt"}
	return []kit{
		{
			Name: "nvm", Roots: []string{".nvm", ".config/nvm"}, Variable: "NVM_DIR", Parts: []string{"versions", "alias"},
			Bins: []string{"versions/node/v*/bin"}, Marks: []string{".nvmrc"}, Needs: js,
		},
		{
			Name: "fnm", Roots: []string{".local/share/fnm", ".fnm"}, Variable: "FNM_DIR", Parts: []string{"node-versions", "aliases"},
			Bins: []string{"aliases/default/bin", "node-versions/v*/installation/bin"}, Marks: []string{".node-version"}, Needs: js,
		},
		{
			Name: "volta", Roots: []string{".volta"}, Variable: "VOLTA_HOME", Parts: []string{"bin", "tools", "layout.v4", "layout.v3"},
			Bins: []string{"tools/image/node/*/bin"}, Needs: js,
		},
		{
			Name: "uv", Roots: []string{".local/share/uv"}, Parts: []string{"python", "tools"}, Beside: []string{".local/bin/uv", ".local/bin/uvx"},
			Marks: []string{"uv.lock"}, Needs: python,
		},
		{
			Name: "pyenv", Roots: []string{".pyenv"}, Variable: "PYENV_ROOT", Parts: []string{""}, Bins: []string{"shims", "bin"},
			Marks: []string{".python-version"}, Needs: python, Env: map[string]string{"PYENV_ROOT": "$ROOT"},
		},
		{
			Name: "rustup", Roots: []string{".rustup"}, Variable: "RUSTUP_HOME", Parts: []string{"toolchains", "settings.toml"}, Beside: []string{".cargo/bin"},
			Marks: []string{"rust-toolchain", "rust-toolchain.toml"}, Needs: []string{"Cargo.toml"}, Env: map[string]string{"RUSTUP_HOME": "$ROOT"},
		},
		{
			Name: "sdkman", Roots: []string{".sdkman"}, Variable: "SDKMAN_DIR", Parts: []string{"candidates"}, Bins: []string{"candidates/*/current/bin"},
			Marks: []string{".sdkmanrc"}, Needs: []string{"pom.xml", "build.gradle", "build.gradle.kts", "build.sbt"},
		},
		{
			Name: "mise", Roots: []string{".local/share/mise"}, Variable: "MISE_DATA_DIR", Parts: []string{"installs", "shims", "plugins"},
			Beside: []string{".local/bin/mise"}, Bins: []string{"shims"}, Marks: []string{"mise.toml", ".mise.toml"}, Needs: []string{".tool-versions"},
		},
		{
			Name: "asdf", Roots: []string{".asdf"}, Variable: "ASDF_DATA_DIR", Parts: []string{""}, Bins: []string{"shims", "bin"},
			Needs: []string{".tool-versions"}, Env: map[string]string{"ASDF_DATA_DIR": "$ROOT", "ASDF_DIR": "$ROOT"},
		},
		{
			Name: "bun", Roots: []string{".bun"}, Variable: "BUN_INSTALL", Parts: []string{"bin"}, Bins: []string{"bin"},
			Marks: []string{"bun.lockb", "bun.lock", "bunfig.toml"},
		},
		{
			Name: "deno", Roots: []string{".deno"}, Variable: "DENO_INSTALL", Parts: []string{"bin"}, Bins: []string{"bin"},
			Marks: []string{"deno.json", "deno.jsonc", "deno.lock"},
		},
		{Name: "go", Roots: []string{"sdk"}, Parts: []string{"go[0-9]*"}, Bins: []string{"go[0-9]*/bin"}, Needs: []string{"go.mod"}},
		{Name: "go", Roots: []string{".local/go", ".go"}, Parts: []string{""}, Bins: []string{"bin"}, Needs: []string{"go.mod"}},
		{Name: "go", Roots: []string{"go"}, Variable: "GOPATH", Parts: []string{"bin"}, Bins: []string{"bin"}, Needs: []string{"go.mod"}},
		{
			Name: "npm", Roots: []string{".npm-global", ".npm-packages"}, Variable: "NPM_CONFIG_PREFIX", Parts: []string{"bin", "lib/node_modules"},
			Bins: []string{"bin"}, Needs: js,
		},
	}
}

// named are the names of Kits, and Auto and None.
func named() []string {
	names := []string{Auto, None}
	for _, k := range kits() {
		names = append(names, k.Name)
	}
	return slices.Compact(names)
}

// Check refuses what is no toolchain of a home; it returns what is wrong.
func Check(name string) string {
	if known := named(); !slices.Contains(known, name) {
		return fmt.Sprintf("%q is not known: there are %s", name, strings.Join(known, ", "))
	}
	return ""
}
