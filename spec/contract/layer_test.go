package contract

import (
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// TestLayer: the folders of a layer come out of its mount as they went in.
func TestLayer(t *testing.T) {
	for _, lower := range []string{"/home/ada/src/app", `/home/ada/a,b:c\d e`, `/x\,userxattr`} {
		l := LayerIn("/state/layer", lower)
		m := l.Mount()
		// Overlayfs takes what follows a colon for another folder, and mount(2)
		// what follows a comma for another option.
		if strings.ContainsAny(strings.NewReplacer(`\\`, "", `\:`, "", `\,`, "").Replace(m.Options[0]), `\:,`) {
			t.Errorf("%q", m.Options[0])
		}
		got, ok := LayerOf(m)
		if !ok || got != l {
			t.Errorf("%q: %+v, %t", m.Options, got, ok)
		}
		for i := range m.Options {
			less := m
			less.Options = slices.Delete(slices.Clone(m.Options), i, i+1)
			if _, ok := LayerOf(less); ok {
				t.Errorf("without %q it is one", m.Options[i])
			}
		}
	}
	if _, ok := LayerOf(BindOne("/a", "/a")); ok {
		t.Error("a bind mount is one")
	}
}

// TestCheckLayer: what a jail may have a layer over, and how.
func TestCheckLayer(t *testing.T) {
	const app, dir = "/home/ada/src/app", "/home/ada/.local/state/jailed-claude/projects/app-0123456789abcdef/layer"
	base := built(t, "project-layer")
	if v := Check(clone(t, base)); len(v) > 0 {
		t.Fatal(v)
	}
	add := func(l Layer) func(*specs.Spec) {
		return func(s *specs.Spec) { s.Mounts = append(s.Mounts, l.Mount()) }
	}
	for name, c := range map[string]struct {
		edit func(*specs.Spec)
		want string
	}{
		"elsewhere":          {func(s *specs.Spec) { at(s, app).Destination = "/home/ada/src/other" }, "not exactly the options"},
		"no userxattr":       {without(app, "userxattr"), "not exactly the options"},
		"no nosuid":          {without(app, "nosuid"), "not exactly the options"},
		"redirects":          {option(app, "redirect_dir=on"), "has the option redirect_dir=on"},
		"metacopy":           {option(app, "metacopy=on"), "has the option metacopy=on"},
		"two lower folders":  {func(s *specs.Spec) { at(s, app).Options[0] = "lowerdir=" + app + ":/home/ada/.ssh" }, "not exactly the options"},
		"a second lowerdir":  {option(app, "lowerdir=/home/ada/.ssh"), "not exactly the options"},
		"another upper":      {func(s *specs.Spec) { at(s, app).Options[1] = "upperdir=" + app }, "not two folders side by side"},
		"another source":     {func(s *specs.Spec) { at(s, app).Source = "/home/ada" }, "not exactly the options"},
		"two folders":        {add(Layer{"/srv/p", "/srv/l/upper", "/srv/m/work"}), "not two folders side by side"},
		"one folder":         {add(Layer{"/srv/p", "/srv/l/upper", "/srv/l/upper"}), "not two folders side by side"},
		"in the project":     {add(LayerIn("/srv/p/l", "/srv/p")), "not two folders side by side"},
		"around the project": {add(LayerIn("/srv/l", "/srv/l/p")), "not two folders side by side"},
		"namespaces": {func(s *specs.Spec) {
			s.Process.Args = slices.Insert(s.Process.Args, 1, NestingFlag)
			s.Linux.MaskedPaths = append(s.Linux.MaskedPaths, "/srv/p/.env")
			s.Mounts = append(s.Mounts, LayerIn("/srv/l", "/srv/p").Mount())
		}, `"/srv/p/.env" is hidden in a folder that can be written`},
		"work in the project": {add(Layer{"/srv/p", "/srv/p/u", "/srv/p/w"}), "not two folders side by side"},
		"a path with dots":    {add(LayerIn("/srv/l", "/srv/x/../p")), `"/srv/x/../p" of the layer on`},
		"an upper with dots":  {add(Layer{"/srv/p", "/srv/l/../p/upper", "/srv/l/../p/work"}), `"/srv/l/../p/upper" of the layer on`},
		"no absolute upper":   {add(Layer{"/srv/p", "upper", "work"}), `"upper" of the layer on`},
		"an upper in /proc":   {add(LayerIn("/proc/1/cwd", "/srv/p")), `"/proc/1/cwd" must never be in a jail`},
		"the kernel's":        {add(LayerIn("/srv/l", "/proc/1")), "must never be in a jail"},
		"the host's root":     {add(LayerIn("/srv/l", "/")), "must never be in a jail"},
		"programs":            {add(LayerIn("/srv/l", "/usr/bin")), `"/usr/bin" is writable`},
		"the store":           {add(LayerIn("/srv/l", "/nix/store")), `"/nix/store" is writable`},
		"PID 1":               {add(LayerIn("/srv/l", "/.jail")), "would be mounted on"},
		"the same folders":    {add(LayerIn(dir, "/srv/p")), "share a folder"},
		"one in the other":    {add(LayerIn(dir+"/upper/x", "/srv/p")), "share a folder"},
		"over a layer":        {add(LayerIn("/srv/l", dir+"/upper")), "share a folder"},
		"the upper is shown":  {bindAt(dir+"/upper", "/srv/x", "rbind", "rw", "nosuid", "nodev"), "would show what is written"},
		"so is what holds it": {readOnly("/home/ada/.local/state", "/srv/x"), "would show what is written"},
	} {
		t.Run(name, func(t *testing.T) {
			s := clone(t, base)
			c.edit(s)
			var all []string
			for _, v := range Check(s) {
				all = append(all, v.String())
			}
			if !strings.Contains(strings.Join(all, "\n"), c.want) {
				t.Errorf("no %q: %q", c.want, all)
			}
		})
	}
}

// TestShownInALayer: what is written in a layer is no way to what lies below.
func TestShownInALayer(t *testing.T) {
	list := []specs.Mount{{Type: "bind", Source: "/srv", Destination: "/srv", Options: []string{"rbind", "rw"}}, LayerIn("/state/layer", "/srv/p").Mount()}
	for p, want := range map[string]Shown{
		"/srv/x":   {Source: "/srv/x", Writable: true},
		"/srv/p/x": {Source: "/srv/p/x", Flags: [3]bool{true, true, false}},
	} {
		if got := ShownAt(list, p); got != want {
			t.Errorf("%s: %+v, not %+v", p, got, want)
		}
	}
}
