package hello

import (
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

// client is what crypto/tls sends first.
func client(t testing.TB, c *tls.Config) []byte {
	t.Helper()
	here, there := net.Pipe()
	defer here.Close()
	go func() {
		_ = tls.Client(there, c).Handshake()
		_ = there.Close()
	}()
	header := make([]byte, 5)
	if _, err := io.ReadFull(here, header); err != nil {
		t.Fatal(err)
	}
	content := make([]byte, binary.BigEndian.Uint16(header[3:]))
	if _, err := io.ReadFull(here, content); err != nil {
		t.Fatal(err)
	}
	return slices.Concat(header, content)
}

// records is content in records of at most size bytes.
func records(content []byte, size int) []byte {
	var out []byte
	for part := range slices.Chunk(content, size) {
		out = append(out, recordHandshake, 3, 1)
		out = binary.BigEndian.AppendUint16(out, uint16(len(part)))
		out = append(out, part...)
	}
	return out
}

var clients = map[string]struct {
	config *tls.Config
	want   Hello
}{
	"TLS 1.0":   {&tls.Config{ServerName: "a.example.com", MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS10}, Hello{ServerName: "a.example.com"}},
	"TLS 1.2":   {&tls.Config{ServerName: "a.example.com", MaxVersion: tls.VersionTLS12}, Hello{ServerName: "a.example.com"}},
	"TLS 1.3":   {&tls.Config{ServerName: "a.example.com", MinVersion: tls.VersionTLS13}, Hello{ServerName: "a.example.com"}},
	"ALPN":      {&tls.Config{ServerName: "A.Example.com", NextProtos: []string{"h2", "http/1.1"}}, Hello{ServerName: "A.Example.com"}},
	"long ALPN": {&tls.Config{ServerName: "a.example.com", NextProtos: slices.Repeat([]string{strings.Repeat("x", 250)}, 50)}, Hello{ServerName: "a.example.com"}},
	"no name":   {&tls.Config{InsecureSkipVerify: true}, Hello{}},
	"an IP":     {&tls.Config{ServerName: "192.0.2.1"}, Hello{}}, // crypto/tls leaves it out
}

// TestClients: what real clients send, in one piece and cut everywhere.
func TestClients(t *testing.T) {
	for name, c := range clients {
		raw := client(t, c.config)
		const more = "\x17\x03\x03\x00\x01x" // early data, which is not ours
		for how, r := range map[string]io.Reader{
			"whole":        strings.NewReader(string(raw) + more),
			"byte by byte": iotest.OneByteReader(strings.NewReader(string(raw) + more)),
		} {
			h, got, err := Read(r)
			if err != nil || h != c.want || !bytes.Equal(got, raw) {
				t.Errorf("%s, %s: %+v, %v, %d of %d bytes", name, how, h, err, len(got), len(raw))
			}
			if rest, err := io.ReadAll(r); err != nil || string(rest) != more {
				t.Errorf("%s, %s: what follows is %q, %v", name, how, rest, err)
			}
		}
	}
	raw := client(t, &tls.Config{ServerName: "a.example.com"})
	content := raw[5:]
	for i := 1; i < len(content); i++ {
		in := append(records(content[:i], maxRecord), records(content[i:], maxRecord)...)
		h, got, err := Read(bytes.NewReader(in))
		if err != nil || h.ServerName != "a.example.com" || !bytes.Equal(got, in) {
			t.Fatalf("cut at %d: %+v, %v", i, h, err)
		}
	}
	for i := 1; i < 20; i++ {
		in := records(content, i)
		if h, got, err := Read(bytes.NewReader(in)); err != nil || h.ServerName != "a.example.com" || !bytes.Equal(got, in) {
			t.Fatalf("records of %d: %+v, %v", i, h, err)
		}
	}
	// Cut off anywhere, it is an error, and what was read is there.
	for i := range raw {
		want := io.ErrUnexpectedEOF
		if i == 0 {
			want = io.EOF
		}
		h, got, err := Read(bytes.NewReader(raw[:i]))
		if !errors.Is(err, want) || h != (Hello{}) || !bytes.Equal(got, raw[:i]) {
			t.Fatalf("%d bytes: %+v, %d, %v", i, h, len(got), err)
		}
	}
}

func TestECHFromGo(t *testing.T) {
	// An ECHConfigList (RFC 9849, 4) of one X25519 key: the outer name is
	// public.example, the one that counts is encrypted.
	config := []byte{7, 0, 0x20, 0, 32}
	config = append(config, bytes.Repeat([]byte{9}, 32)...)
	config = append(config, 0, 4, 0, 1, 0, 1, 42, 14)
	config = append(config, "public.example\x00\x00"...)
	list := append([]byte{0, byte(len(config) + 4), 0xfe, 0x0d, 0, byte(len(config))}, config...)
	raw := client(t, &tls.Config{ServerName: "secret.example", MinVersion: tls.VersionTLS13, EncryptedClientHelloConfigList: list})
	h, _, err := Read(bytes.NewReader(raw))
	if want := (Hello{ServerName: "public.example", ECH: true}); err != nil || h != want {
		t.Errorf("%+v, %v", h, err)
	}
}

// ext is an extension.
func ext(kind uint16, data string) string {
	b := binary.BigEndian.AppendUint16(nil, kind)
	return string(binary.BigEndian.AppendUint16(b, uint16(len(data)))) + data
}

// vec is data behind its length in 16 bits.
func vec(data string) string {
	return string(binary.BigEndian.AppendUint16(nil, uint16(len(data)))) + data
}

func host(name string) string { return "\x00" + vec(name) }

// front is a ClientHello up to its extensions.
var front = "\x03\x03" + strings.Repeat("r", 32) + "\x00" + vec("\x13\x01") + "\x01\x00"

func message(kind byte, body string) []byte {
	return append([]byte{kind, byte(len(body) >> 16), byte(len(body) >> 8), byte(len(body))}, body...)
}

func TestContent(t *testing.T) {
	sni := func(list string) string { return front + vec(ext(0, list)) }
	for name, c := range map[string]struct {
		body string
		want Hello
		ok   bool
	}{
		"no extensions":           {front, Hello{}, true},
		"empty extensions":        {front + vec(""), Hello{}, true},
		"a name":                  {sni(vec(host("a.com"))), Hello{ServerName: "a.com"}, true},
		"NUL":                     {sni(vec(host("a.com\x00.evil.com"))), Hello{ServerName: "a.com\x00.evil.com"}, true},
		"an IP":                   {sni(vec(host("192.0.2.1"))), Hello{ServerName: "192.0.2.1"}, true},
		"name behind others":      {front + vec(ext(16, "x")+ext(0xaaaa, "")+ext(0, vec(host("a.com")))), Hello{ServerName: "a.com"}, true},
		"ECH":                     {front + vec(ext(0xfe0d, "\x00")+ext(0, vec(host("a.com")))), Hello{ServerName: "a.com", ECH: true}, true},
		"ECH alone, empty":        {front + vec(ext(0xfe0d, "")), Hello{ECH: true}, true},
		"ECH draft 8":             {front + vec(ext(0xfe08, "")), Hello{ECH: true}, true},
		"ECH draft 12":            {front + vec(ext(0xfe0c, "")), Hello{ECH: true}, true},
		"ESNI":                    {front + vec(ext(0xffce, "")), Hello{ECH: true}, true},
		"next to ECH":             {front + vec(ext(0xfe07, "")+ext(0xfe0e, "")+ext(0xffcd, "")), Hello{}, true},
		"two names":               {sni(vec(host("a.com") + host("b.com"))), Hello{}, false},
		"two server_name":         {front + vec(ext(0, vec(host("a.com")))+ext(0, vec(host("b.com")))), Hello{}, false},
		"two of another":          {front + vec(ext(16, "")+ext(16, "")), Hello{}, false},
		"another type of name":    {sni(vec("\x01" + vec("a.com"))), Hello{}, false},
		"empty name":              {sni(vec(host(""))), Hello{}, false},
		"empty list":              {sni(vec("")), Hello{}, false},
		"empty server_name":       {sni(""), Hello{}, false},
		"behind the list":         {sni(vec(host("a.com")) + "x"), Hello{}, false},
		"behind the name":         {sni(vec(host("a.com") + "x")), Hello{}, false},
		"list too long":           {sni("\x00\xff" + host("a.com")), Hello{}, false},
		"name too long":           {sni(vec("\x00\x00\xffa.com")), Hello{}, false},
		"behind the extensions":   {front + vec(ext(0, vec(host("a.com")))) + "x", Hello{}, false},
		"extensions cut off":      {front + "\x00\x05\x00\x00", Hello{}, false},
		"an extension cut off":    {front + vec("\x00\x00\x00\x09x"), Hello{}, false},
		"one byte of extensions":  {front + "\x00", Hello{}, false},
		"version 2":               {"\x02\x00" + front[2:], Hello{}, false},
		"long session":            {front[:34] + "\x21" + strings.Repeat("s", 33) + front[35:], Hello{}, false},
		"full session":            {front[:34] + "\x20" + strings.Repeat("s", 32) + front[35:], Hello{}, true},
		"no suites":               {front[:35] + vec("") + "\x01\x00", Hello{}, false},
		"half a suite":            {front[:35] + vec("\x13\x01\x13") + "\x01\x00", Hello{}, false},
		"no compression":          {front[:39] + "\x00", Hello{}, false},
		"nothing":                 {"", Hello{}, false},
		"cut off in the random":   {front[:20], Hello{}, false},
		"cut off in the suites":   {front[:37], Hello{}, false},
		"cut off before the last": {front[:len(front)-1], Hello{}, false},
	} {
		in := records(message(clientHello, c.body), maxRecord)
		h, raw, err := Read(bytes.NewReader(in))
		if (err == nil) != c.ok || h != c.want || !bytes.Equal(raw, in) {
			t.Errorf("%s: %+v, %v", name, h, err)
		}
		if errors.Is(err, ErrNotTLS) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestRecords(t *testing.T) {
	good := message(clientHello, front+vec(ext(0, vec(host("a.com")))))
	record := func(kind, major byte, content string) string {
		return string([]byte{kind, major, 1}) + vec(content)
	}
	a, b := string(good[:10]), string(good[10:])
	for name, c := range map[string]struct {
		in     string
		notTLS bool
		read   int // bytes
	}{
		"HTTP":               {"GET / HTTP/1.1\r\n\r\n", true, 1},
		"one byte":           {"G", true, 1},
		"SSH":                {"SSH-2.0-x\r\n", true, 1},
		"SSL 2.0":            {"\x80\x2e\x01\x03\x01\x00\x15\x00\x00\x00\x10", true, 1},
		"an alert":           {record(21, 3, "\x02\x28"), true, 1},
		"application data":   {record(23, 3, a), true, 1},
		"version 2":          {record(22, 2, string(good)), true, 5},
		"another message":    {record(22, 3, string(message(2, front))), false, 9 + len(front)},
		"SSL 2.0, wrapped":   {record(22, 3, "\x80\x2e\x01"), false, 8},
		"an empty record":    {record(22, 3, ""), false, 5},
		"empty, then good":   {record(22, 3, "") + record(22, 3, string(good)), false, 5},
		"an alert between":   {record(22, 3, a) + record(21, 3, "\x01\x00") + record(22, 3, b), false, 16},
		"early data between": {record(22, 3, a) + record(23, 3, "x") + record(22, 3, b), false, 16},
		"version 2 behind":   {record(22, 3, a) + record(22, 2, b), false, 20},
		"two in a record":    {record(22, 3, string(good)+string(good)), false, 5 + 2*len(good)},
		"one byte behind":    {record(22, 3, string(good)+"x"), false, 6 + len(good)},
		"behind, in pieces":  {record(22, 3, a) + record(22, 3, b+"x"), false, 11 + len(good)},
		"a long record":      {"\x16\x03\x01\x40\x01" + strings.Repeat("x", maxRecord+1), false, 5},
		"a long message":     {record(22, 3, "\x01\x01\x00\x00"+strings.Repeat("x", 100)), false, 109},
	} {
		h, raw, err := Read(strings.NewReader(c.in))
		if err == nil || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, ErrNotTLS) != c.notTLS || h != (Hello{}) {
			t.Errorf("%s: %+v, %v", name, h, err)
		}
		if string(raw) != c.in[:c.read] {
			t.Errorf("%s: %d bytes were read, not %d", name, len(raw), c.read)
		}
	}
}

// TestBound: however it is cut, no more than the bound is read.
func TestBound(t *testing.T) {
	body := front + vec(ext(0, vec(host("a.com")))+ext(99, strings.Repeat("x", 50_000)))
	long := message(clientHello, body)
	if h, _, err := Read(bytes.NewReader(records(long, maxRecord))); err != nil || h.ServerName != "a.com" {
		t.Errorf("%d bytes: %+v, %v", len(long), h, err)
	}
	in := bytes.NewReader(records(long, 1))
	_, raw, err := Read(in)
	if err == nil || len(raw) > maxRaw || int(in.Size())-in.Len() != len(raw) {
		t.Errorf("a record for each byte: %v after %d bytes, %d returned", err, int(in.Size())-in.Len(), len(raw))
	}
}

func FuzzRead(f *testing.F) {
	for _, c := range clients {
		f.Add(client(f, c.config))
	}
	f.Add(records(message(clientHello, front+vec(ext(0xfe0d, "")+ext(0, vec(host("a.com"))))), 7))
	f.Fuzz(func(t *testing.T, in []byte) {
		r := bytes.NewReader(in)
		h, raw, err := Read(r)
		if len(raw) > maxRaw || !bytes.HasPrefix(in, raw) || len(in)-r.Len() != len(raw) {
			t.Fatalf("%d bytes were read, %d returned", len(in)-r.Len(), len(raw))
		}
		if err != nil {
			if h != (Hello{}) {
				t.Errorf("%+v with %v", h, err)
			}
			return
		}
		if !bytes.Contains(stripped(raw), []byte(h.ServerName)) {
			t.Errorf("%q is not in it", h.ServerName)
		}
		// What was read, read again and cut otherwise, is the same.
		for _, size := range []int{1, 5, maxRecord} {
			if again := records(stripped(raw), size); len(again) <= maxRaw {
				if h2, _, err := Read(bytes.NewReader(again)); err != nil || h2 != h {
					t.Errorf("in records of %d: %+v, %v; was %+v", size, h2, err, h)
				}
			}
		}
	})
}

// stripped is the content of records.
func stripped(raw []byte) []byte {
	var out []byte
	for len(raw) > 0 {
		n := 5 + int(binary.BigEndian.Uint16(raw[3:]))
		out = append(out, raw[5:n]...)
		raw = raw[n:]
	}
	return out
}
