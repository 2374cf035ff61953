package network

import (
	"net/netip"
	"strings"
	"testing"
)

func TestParseRule(t *testing.T) {
	for _, s := range []string{
		"example.com", "EXAMPLE.com", "example.com.", "*.example.com", "example.com:22", "example.com:*", "a_b.example.com",
		"xn--bcher-kva.example", "host:5432", "10.0.0.0/8", "10.1.2.3", "10.1.2.3:22", "10.0.0.0/8:*", "[fd00::1]:443",
		"fd00::/8", "fd00::1", "[fd00::/8]:22", "169.254.169.254:80", "1.2.3.4.example.com",
	} {
		if _, err := ParseRule(s); err != nil {
			t.Errorf("%q is refused: %v", s, err)
		}
	}
	for s, says := range map[string]string{
		"":                                   "empty",
		"*":                                  "everything",
		"*.com":                              "top-level",
		"com":                                "full name",
		"localhost":                          "jail's own loopback",
		"localhost:5432":                     "host-ports",
		"private:localhost:5432":             "jail's own loopback",
		"*.localhost":                        "jail's own loopback",
		"db.LOCALHOST.:80":                   "jail's own loopback",
		"host":                               "needs one port",
		"host:*":                             "needs one port",
		"https://example.com":                "URL",
		"user@example.com":                   "preset",
		"example.com/path":                   "host name",
		"example.com:0":                      "port",
		"example.com:65536":                  "port",
		"example.com:+22":                    "port",
		"example.com:022":                    "port",
		"example.com:":                       "port",
		"example..com":                       "host name",
		".example.com":                       "host name",
		"-a.example.com":                     "host name",
		"a.*.example.com":                    "star",
		"*a.example.com":                     "star",
		"*.*.example.com":                    "star",
		"ex\u0430mple.com":                   "xn--",
		"example.com\x00.evil.com":           "host name",
		"example.com\n":                      "host name",
		" example.com":                       "host name",
		strings.Repeat("a", 64) + ".com":     "host name",
		strings.Repeat("abcdefg.", 32) + "c": "longer",
		"127.0.0.1":                          "host:PORT",
		"127.0.0.1:5432":                     "host:PORT",
		"::1":                                "host:PORT",
		"0.0.0.0:5432":                       "host:PORT",
		"[::]:5432":                          "host:PORT",
		"0.0.0.0/0":                          "everything",
		"::/0":                               "everything",
		"64.0.0.0/2":                         "loopback",
		"198.18.0.0/15":                      "overlaps",
		"192.0.0.0/4":                        "overlaps",
		"10.1.0.0/8":                         "bits behind",
		"::ffff:10.0.0.1":                    "IPv4",
		"64:ff9b::a00:1":                     "IPv4",
		"fe80::1%eth0":                       "port",
		"1.2.3":                              "IP address",
		"0x7f.1":                             "IP address",
		"017700000001":                       "IP address",
		"example.123":                        "IP address",
		"example.0xA":                        "IP address",
	} {
		if _, err := ParseRule(s); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v; want something about %q", s, err, says)
		}
	}
	if _, err := ParseDeny("host:5432"); err == nil {
		t.Error("deny takes host:PORT, which means nothing there")
	}
}

func rules(t *testing.T, mode string, allow, deny []string) *Rules {
	t.Helper()
	r, err := (&Config{Mode: mode, Allow: allow, Deny: deny}).parseRules()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestNames(t *testing.T) {
	r := rules(t, Filtered, []string{"allowed.com", "*.sub.org", "ssh.net:22", "any.net:*", "host:5432", "bad.any.org:*"}, []string{"*.evil.sub.org", "bad.any.org", "any.net:25"})
	for _, c := range []struct {
		name string
		port uint16
		want bool
	}{
		{"allowed.com", 443, true},
		{"allowed.com", 80, false},
		{"x.allowed.com", 443, false},
		{"evilallowed.com", 443, false},
		{"allowed.com.evil.com", 443, false},
		{"allowed.co", 443, false},
		{"sub.org", 443, false},
		{"a.sub.org", 443, true},
		{"a.b.sub.org", 443, true},
		{"asub.org", 443, false},
		{"evil.sub.org", 443, true},
		{"a.evil.sub.org", 443, false},
		{"ssh.net", 22, true},
		{"ssh.net", 443, false},
		{"any.net", 1, true},
		{"any.net", 25, false},
		{"bad.any.org", 443, false},
		{"host", 5432, true},
		{"host", 443, false},
		{"host", 22, false},
		{"", 443, false},
	} {
		if v := r.Connect(c.name, c.port); v.OK != c.want || v.OK != (v.Why == "") || v.Rule == "" {
			t.Errorf("%s:%d: %+v", c.name, c.port, v)
		}
	}
	for name, want := range map[string]bool{"allowed.com": true, "ssh.net": true, "any.net": true, "host": true, "bad.any.org": false, "a.evil.sub.org": false, "evilallowed.com": false} {
		if v := r.Lookup(name); v.OK != want {
			t.Errorf("look up %s: %+v", name, v)
		}
	}
	// An empty list allows nothing (CVE-2025-66479).
	for _, mode := range []string{Filtered, None} {
		if e := rules(t, mode, nil, nil); e.Lookup("a.com").OK || e.Connect("a.com", 443).OK || e.Address(netip.MustParseAddr("8.8.8.8"), 443, "").OK {
			t.Errorf("%s without rules allows something", mode)
		}
	}
	i := rules(t, Internet, []string{"host:80"}, []string{"*.evil.com", "evil.com"})
	for name, want := range map[string]bool{"a.com": true, "evil.com": false, "x.evil.com": false, "notevil.com": true} {
		if i.Connect(name, 25).OK != want || i.Lookup(name).OK != want {
			t.Errorf("internet, %s: not %v", name, want)
		}
	}
	if i.Connect("host", 81).OK || !i.Connect("host", 80).OK {
		t.Error("internet: host is more or less than its port")
	}
	if n := rules(t, Internet, nil, nil); n.Lookup("host").OK {
		t.Error("internet: host is looked up without a rule")
	}
}

func TestAddresses(t *testing.T) {
	private := []string{
		"0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "127.0.0.1", "127.9.9.9", "169.254.169.254", "172.16.0.1", "172.31.255.255",
		"192.168.1.1", "198.18.0.1", "198.19.255.255", "224.0.0.1", "239.255.255.250", "255.255.255.255", "240.0.0.1", "168.63.129.16",
		"::", "::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe",
		"2002:7f00:1::", "2001:0:1::", "fc00::1", "fd00:ec2::254", "fe80::1", "fec0::1", "ff02::1", "100::1", "192.0.0.8",
	}
	public := []string{"8.8.8.8", "1.1.1.1", "93.184.216.34", "172.15.0.1", "172.32.0.1", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808", "11.0.0.1"}
	internet, filtered := rules(t, Internet, nil, nil), rules(t, Filtered, []string{"a.com"}, nil)
	for _, s := range private {
		for _, named := range []bool{true, false} {
			if v := internet.Address(netip.MustParseAddr(s), 443, map[bool]string{true: "a.com"}[named]); v.OK {
				t.Errorf("%s is dialled: %+v", s, v)
			}
			if v := filtered.Address(netip.MustParseAddr(s), 443, map[bool]string{true: "a.com"}[named]); v.OK {
				t.Errorf("filtered: %s is dialled: %+v", s, v)
			}
		}
	}
	for _, s := range public {
		a := netip.MustParseAddr(s)
		if !internet.Address(a, 443, "a.com").OK || !internet.Address(a, 22, "").OK || !filtered.Address(a, 443, "a.com").OK {
			t.Errorf("%s is refused", s)
		}
		if filtered.Address(a, 443, "").OK {
			t.Errorf("filtered: the literal %s is dialled", s)
		}
	}
	if internet.Address(netip.Addr{}, 443, "a.com").OK {
		t.Error("no address is dialled")
	}
	for _, mode := range []string{Filtered, Internet} {
		r := rules(t, mode, []string{"10.1.0.0/16", "10.2.0.1:22", "[fd00::/8]:*"}, []string{"10.1.9.0/24", "8.8.8.8:53"})
		for _, c := range []struct {
			a    string
			port uint16
			want bool
		}{
			{"10.1.2.3", 443, true},
			{"::ffff:10.1.2.3", 443, true},
			{"10.1.2.3", 80, false},
			{"10.1.9.9", 443, false},
			{"10.2.0.1", 22, true},
			{"10.2.0.2", 22, false},
			{"fd12::1", 7, true},
			{"8.8.8.8", 53, false},
		} {
			for _, named := range []bool{true, false} {
				if v := r.Address(netip.MustParseAddr(c.a), c.port, map[bool]string{true: "a.com"}[named]); v.OK != c.want {
					t.Errorf("%s, %s:%d: %+v", mode, c.a, c.port, v)
				}
			}
		}
	}
}

// TestPrivate: a name leads to private addresses where a rule says that it may,
// and never to where a machine has its credentials or its own services.
func TestPrivate(t *testing.T) {
	for _, mode := range []string{Filtered, Internet} {
		r := rules(t, mode, []string{"private:db.example:5432", "db.corp.internal:5432", "*.office.lan", "public.example:*", "private:single:80"}, []string{"10.66.0.0/16"})
		for _, c := range []struct {
			name, a string
			port    uint16
			want    bool
		}{
			{"db.example", "10.1.2.3", 5432, true},
			{"db.example", "fd00::1", 5432, true},
			{"db.example", "100.64.1.1", 5432, true},
			{"db.corp.internal", "192.168.1.1", 5432, true},
			{"printer.office.lan", "172.16.0.9", 443, true},
			{"single", "10.1.2.3", 80, true},
			// Another port, another name, no name.
			{"db.example", "10.1.2.3", 22, false},
			{"x.db.example", "10.1.2.3", 5432, false},
			{"public.example", "10.1.2.3", 5432, false},
			{"", "10.1.2.3", 5432, false},
			// Denied, and what no name is to lead to.
			{"db.example", "10.66.1.1", 5432, false},
			{"db.example", "127.0.0.1", 5432, false},
			{"db.example", "::1", 5432, false},
			{"db.example", "0.0.0.0", 5432, false},
			{"db.example", "169.254.169.254", 5432, false},
			{"db.corp.internal", "fd00:ec2::254", 5432, false},
			{"db.corp.internal", "100.100.100.200", 5432, false},
			{"db.corp.internal", "fe80::1", 5432, false},
			{"db.corp.internal", "64:ff9b::a9fe:a9fe", 5432, false},
			{"db.corp.internal", "198.18.0.1", 5432, false},
		} {
			if v := r.Address(netip.MustParseAddr(c.a), c.port, c.name); v.OK != c.want {
				t.Errorf("%s: %s at %s:%d: %+v", mode, c.name, c.a, c.port, v)
			}
		}
		if r.Own(netip.MustParseAddr("10.1.2.3"), 5432).OK {
			t.Error("an address of this host is open by a name")
		}
		if !r.MayBeLocal("db.example", 5432) || r.MayBeLocal("public.example", 5432) || r.MayBeLocal("db.example", 22) || !r.AsHost("single") || r.AsHost("db.corp.internal") {
			t.Error("names of the host")
		}
	}
	for _, bad := range []string{"private:10.1.2.3", "private:host:5432", "private:", "private:@npm", "private:private:a.com", "private:*", "single:80"} {
		if r, err := ParseRule(bad); err == nil {
			t.Errorf("%q is %+v", bad, r)
		}
	}
	if _, err := ParseDeny("private:a.com"); err == nil {
		t.Error("private: in deny")
	}
}

// TestOwn: an address of this host is open by a rule of addresses, and by
// nothing else.
func TestOwn(t *testing.T) {
	for _, mode := range []string{None, Filtered, Internet} {
		r := rules(t, mode, nil, nil)
		if mode != None {
			r = rules(t, mode, []string{"a.com:*", "host:22", "8.8.8.8:22", "[2606:4700::/32]:*", "9.9.0.0/16"}, []string{"9.9.9.0/24"})
		}
		for _, c := range []struct {
			a    string
			port uint16
			rule string // "": refused
		}{
			{"8.8.8.8", 22, "8.8.8.8:22"},
			{"::ffff:8.8.8.8", 22, "8.8.8.8:22"},
			{"64:ff9b::808:808", 22, "8.8.8.8:22"},
			{"8.8.8.8", 443, ""},
			{"8.8.4.4", 22, ""},
			{"::ffff:8.8.4.4", 22, ""},
			{"2606:4700::1", 7, "[2606:4700::/32]:*"},
			{"2607::1", 7, ""},
			{"9.9.8.8", 443, "9.9.0.0/16"},
			{"9.9.9.9", 443, ""},
			{"127.0.0.1", 22, ""},
			{"10.0.0.1", 22, ""},
		} {
			want := c.rule != "" && mode != None
			v := r.Own(netip.MustParseAddr(c.a), c.port)
			if v.OK != want || v.OK && v.Rule != c.rule || v.OK != (v.Why == "") || v.Rule == "" {
				t.Errorf("%s, %s:%d: %+v", mode, c.a, c.port, v)
			}
		}
	}
	if v := rules(t, Internet, nil, nil).Own(netip.MustParseAddr("8.8.8.8"), 443); v.Rule != "mode internet" || !strings.Contains(v.Why, "8.8.8.8 is an address of this host") {
		t.Errorf("%+v", v)
	}
}

func TestNormal(t *testing.T) {
	for in, want := range map[string]string{"A.Example.COM": "a.example.com", "a.com.": "a.com", "HOST": "host"} {
		if got, ok := Normal(in); !ok || got != want {
			t.Errorf("%q: %q, %v", in, got, ok)
		}
	}
	// U+212A is the Kelvin sign, whose lower case is k.
	for _, in := range []string{"", ".", "a..com", "a.com..", "a b.com", "a\x00.com", "1.2.3.4", "0x7f.1", "2130706433", "\u212aelvin.com", "ex\u0430mple.com", "a.com/", "[::1]", "*.a.com"} {
		if got, ok := Normal(in); ok {
			t.Errorf("%q is a name: %q", in, got)
		}
	}
}

func TestAllowLine(t *testing.T) {
	for _, c := range []struct {
		host string
		port uint16
		want string
	}{
		{"a.com", 443, "a.com"},
		{"a.com", 22, "a.com:22"},
		{"host", 443, "host:443"},
		{"10.0.0.1", 443, "10.0.0.1"},
		{"10.0.0.1", 22, "10.0.0.1:22"},
		{"fd00::1", 22, "[fd00::1]:22"},
	} {
		got := AllowLine(c.host, c.port)
		if got != c.want {
			t.Errorf("%s %d: %s", c.host, c.port, got)
		}
		if _, err := ParseRule(got); err != nil {
			t.Errorf("%s: %v", got, err)
		}
	}
}

func TestConfig(t *testing.T) {
	good := `{"mode":"filtered","via":"redirect","tls":"strict","allow":["a.com"],"ports":[3000],"brokers":[{"name":"npm","upstream":"https://registry.npmjs.org","header":"Authorization","from":"env:NPM_TOKEN"}]}`
	c, err := Decode(good)
	if err != nil || c.Allow[0] != "a.com" || c.Brokers[0].URL() != "http://npm.broker.internal" || !c.Brokers[0].Allows("/anything") {
		t.Fatalf("%+v, %v", c, err)
	}
	for _, change := range [][2]string{
		{`"mode":"filtered"`, `"mode":"host"`},
		{`"mode":"filtered"`, `"mode":""`},
		{`"redirect"`, `"magic"`},
		{`"strict"`, `"lax"`},
		{`"a.com"`, `"a"`},
		{`[3000]`, `[3000,3000]`},
		{`[3000]`, `[0]`},
		{`[3000]`, `[70000]`},
		{`"allow"`, `"alow"`},
		{`"npm"`, `"Npm"`},
		{`"npm"`, `"a.b"`},
		{`https:`, `http:`},
		{`registry.npmjs.org`, `user@registry.npmjs.org`},
		{`registry.npmjs.org`, `registry.npmjs.org?x`},
		{`Authorization`, `Host`},
		{`Authorization`, `X: y`},
		{`env:NPM_TOKEN`, `NPM_TOKEN`},
		{`env:NPM_TOKEN`, `env:`},
		{`env:NPM_TOKEN`, `file:relative`},
		{`}]}`, `}]}{}`},
	} {
		text := strings.Replace(good, change[0], change[1], 1)
		if text == good {
			t.Fatalf("%q changes nothing", change)
		}
		if _, err := Decode(text); err == nil {
			t.Errorf("taken: %s", text)
		}
	}
}

func TestBrokerAddr(t *testing.T) {
	if a := BrokerAddr(0); a != netip.MustParseAddr("198.18.0.2") {
		t.Error(a)
	}
	if a := BrokerAddr(maxBrokers - 1); !a.Less(FirstName) || !Fake.Contains(a) {
		t.Errorf("the last broker's address, %s, is not below those of names", a)
	}
}

func FuzzRule(f *testing.F) {
	for _, s := range []string{"a.com", "*.a.com:22", "10.0.0.0/8", "[fd00::1]:443", "host:1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		r, err := ParseRule(s)
		if err != nil {
			return
		}
		if strings.ContainsAny(s, "\x00\n\r \t\"") {
			t.Errorf("%q is a rule", s)
		}
		// A rule is of a name or of addresses, never of both or of nothing.
		if (r.name == "") == (!r.prefix.IsValid()) {
			t.Errorf("%q: %+v", s, r)
		}
		if r.isOf("unrelated.example.invalid") && !strings.HasSuffix("unrelated.example.invalid", strings.ToLower(r.name)) {
			t.Errorf("%q is of a name that is not its own", s)
		}
	})
}

// TestOnePortOnce: a port of the jail's loopback is the host's, or published, or
// neither, and there once.
func TestOnePortOnce(t *testing.T) {
	for _, c := range []struct {
		ports, host []uint16
		ok          bool
	}{{[]uint16{1, 2}, []uint16{3}, true}, {[]uint16{1}, []uint16{1}, false}, {nil, []uint16{1, 1}, false}, {nil, []uint16{0}, false}, {[]uint16{1, 1}, nil, false}} {
		if _, err := (Config{Mode: Internet, Via: ViaRedirect, TLS: TLSStrict, Ports: c.ports, HostPorts: c.host}).Parse(); (err == nil) != c.ok {
			t.Errorf("%d, %d: %v", c.ports, c.host, err)
		}
	}
}

// TestBrokersTogether: a service has one broker, and tokens are for one that keeps
// a login.
func TestBrokersTogether(t *testing.T) {
	one := Broker{Host: "api.example.com", From: "env:X", Header: "X-Key"}.Complete()
	other := Broker{Name: "other", Host: "other.example.com", From: "login:/keep", Header: "X-Key", Keep: "/keep"}.Complete()
	tokens := Broker{Name: "tokens", Host: "id.example.com", Tokens: &Tokens{For: "other", Path: "/token"}}.Complete()
	for name, c := range map[string]struct {
		brokers []Broker
		ok      bool
	}{
		"three":             {[]Broker{one, other, tokens}, true},
		"two of one host":   {[]Broker{one, func() Broker { b := one; b.Name = "again"; return b }()}, false},
		"two of one name":   {[]Broker{one, func() Broker { b := other; b.Name = one.Name; return b }()}, false},
		"tokens for nobody": {[]Broker{one, tokens}, false},
		"tokens for a key":  {[]Broker{one, func() Broker { b := tokens; b.Tokens = &Tokens{For: one.Name, Path: "/token"}; return b }()}, false},
	} {
		if _, err := (Config{Mode: None, Via: ViaRedirect, TLS: TLSStrict, Brokers: c.brokers}).Parse(); (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}
