package bridge

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/spec/network"
)

const png = "\x89PNG\r\n\x1a\nimage"

// served is a server whose host does everything.
type served struct {
	*Server
	socket string
	mu     sync.Mutex
	did    []Request
	events []Event
	time   time.Time
}

func serve(t *testing.T, b network.Bridges, change func(*Options)) *served {
	t.Helper()
	rules, err := network.Config{Mode: network.Filtered, Via: network.ViaRedirect, TLS: network.TLSStrict, Allow: []string{"allowed.org"}, Deny: []string{"denied.org"}}.Parse()
	if err != nil {
		t.Fatal(err)
	}
	s := &served{socket: filepath.Join(t.TempDir(), "s"), time: time.Now()}
	o := Options{
		Config: &b, Rules: rules.Rules,
		Inside: func(int) bool { return true },
		Host: func(_ context.Context, r Request) (Answer, error) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.did = append(s.did, r)
			if r.Type != "" {
				return Answer{Data: []byte(png)}, nil
			}
			return Answer{Types: []string{"image/png"}}, nil
		},
		Log: func(e Event) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.events = append(s.events, e)
		},
	}
	if change != nil {
		change(&o)
	}
	s.Server = New(o)
	s.now = func() time.Time {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.time
	}
	l, err := net.Listen("unix", s.socket)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); s.Serve(ctx, l) }()
	t.Cleanup(func() { cancel(); l.Close(); <-ended })
	return s
}

// ask sends a line, and returns the answer, or the error that stands for it.
func (s *served) ask(line string) (Answer, string) {
	c, err := net.Dial("unix", s.socket)
	if err != nil {
		return Answer{}, err.Error()
	}
	defer c.Close()
	_, _ = io.WriteString(c, line+"\n")
	a, err := ReadAnswer(c)
	if err != nil {
		return a, err.Error()
	}
	return a, a.Error
}

func (s *served) open(page string) string {
	_, why := s.ask(fmt.Sprintf(`{"bridge":"open","url":%q}`, page))
	return why
}

func (s *served) hostDid() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.did)
}

// TestNotifies: what is said about a jail is said like what it says itself: as much,
// and as often, and only where it may.
func TestNotifies(t *testing.T) {
	s := serve(t, network.Bridges{Notify: true}, func(o *Options) { o.Jail = "jail abc" })
	s.Notify(t.Context(), strings.Repeat("é", maxTitle), "", "a", "b")
	if want := "a · b · jail abc"; len(s.did) != 1 || s.did[0].Body != want || len(s.did[0].Title) > maxTitle || !strings.HasSuffix(s.did[0].Title, "é…") {
		t.Errorf("%+v", s.did)
	}
	s.Notify(t.Context(), "a\x1b[2Jb")
	for range 2 * perMinute[network.BridgeNotify] {
		s.Notify(t.Context(), "a flood")
	}
	if len(s.did) != perMinute[network.BridgeNotify] {
		t.Errorf("%d were shown", len(s.did))
	}
	s = serve(t, network.Bridges{Open: network.BridgeAlways}, nil)
	if s.Notify(t.Context(), "a"); len(s.did)+len(s.events) > 0 {
		t.Errorf("%+v %+v", s.did, s.events)
	}
}

var all = network.Bridges{Open: network.BridgeAlways, Clipboard: network.BridgeImages, Notify: true}

// TestOnlyWhatIsOn: each bridge is closed without its word, whatever others are on.
func TestOnlyWhatIsOn(t *testing.T) {
	lines := map[string]string{
		"open": `{"bridge":"open","url":"https://allowed.org/"}`, "clipboard": `{"bridge":"clipboard","type":"image/png"}`, "notify": `{"bridge":"notify","title":"x"}`,
	}
	for off, without := range map[string]func(*network.Bridges){
		"open": func(b *network.Bridges) { b.Open = "" }, "clipboard": func(b *network.Bridges) { b.Clipboard = "" }, "notify": func(b *network.Bridges) { b.Notify = false },
	} {
		b := all
		without(&b)
		s := serve(t, b, nil)
		for name, line := range lines {
			if _, why := s.ask(line); (why == "") != (name != off) {
				t.Errorf("without %s, %s: %q", off, name, why)
			}
		}
		if n := s.hostDid(); n != 2 {
			t.Errorf("without %s the host did %d things", off, n)
		}
	}
}

// TestMalformed: nothing that is no request reaches the host, and each is logged.
func TestMalformed(t *testing.T) {
	s := serve(t, all, nil)
	n := 0
	for name, line := range bad {
		if strings.Contains(line, "\n") {
			continue
		}
		n++
		if _, why := s.ask(line); why == "" {
			t.Errorf("%s is answered", name)
		}
	}
	if s.hostDid() != 0 || len(s.events) != n {
		t.Errorf("the host did %d things, %d of %d are logged", s.hostDid(), len(s.events), n)
	}
}

// TestPeer: a process that is in no jail gets nothing.
func TestPeer(t *testing.T) {
	s := serve(t, all, func(o *Options) { o.Inside = nil })
	if _, why := s.ask(`{"bridge":"clipboard"}`); !strings.Contains(why, "for programs of the jail") || s.hostDid() != 0 {
		t.Errorf("%q, the host did %d things", why, s.hostDid())
	}
}

// TestPeerOfAnother: a process of another user gets nothing, though it is in a jail,
// and the user's own does by the same way.
func TestPeerOfAnother(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can be another user")
	}
	// Nobody's permissions are asked for an abstract socket.
	l, err := net.Listen("unix", "@jailed-claude-test-"+rand.Text())
	if err != nil {
		t.Fatal(err)
	}
	s := serve(t, all, nil)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); s.Serve(ctx, l) }()
	t.Cleanup(func() { cancel(); l.Close(); <-ended })
	ask := func(uid uintptr) (why string) {
		done := make(chan struct{})
		go func() {
			defer close(done)
			runtime.LockOSThread() // and it ends with this goroutine: the id is its own
			if _, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, ^uintptr(0), uid, ^uintptr(0)); errno != 0 {
				why = errno.Error()
				return
			}
			s.socket = l.Addr().String()
			_, why = s.ask(`{"bridge":"clipboard"}`)
		}()
		<-done
		return why
	}
	if why := ask(65534); !strings.Contains(why, "for programs of the jail") || s.hostDid() != 0 {
		t.Errorf("another user: %q, the host did %d things", why, s.hostDid())
	}
	if why := ask(0); why != "" || s.hostDid() != 1 {
		t.Errorf("the user: %q, the host did %d things", why, s.hostDid())
	}
}

// TestFlood: a jail gets no more than a person uses, and is heard again later.
func TestFlood(t *testing.T) {
	s := serve(t, all, nil)
	for bridge, line := range map[string]string{"clipboard": `{"bridge":"clipboard"}`, "notify": `{"bridge":"notify","title":"x"}`, "open": `{"bridge":"open","url":"https://allowed.org/"}`} {
		before, refused := s.hostDid(), ""
		for range perMinute[bridge] + 20 {
			if _, why := s.ask(line); why != "" {
				refused = why
			}
		}
		if did := s.hostDid() - before; did != perMinute[bridge] || !strings.Contains(refused, "too often") {
			t.Errorf("%s: the host did %d things, %q", bridge, did, refused)
		}
		s.mu.Lock()
		s.time = s.time.Add(time.Minute)
		s.mu.Unlock()
		if _, why := s.ask(line); why != "" {
			t.Errorf("%s, a minute later: %s", bridge, why)
		}
	}
}

// TestManyConnections: those that say nothing keep out others, and not for long;
// none of it is waited for at the end.
func TestManyConnections(t *testing.T) {
	s := serve(t, all, nil)
	var silent []net.Conn
	for range maxConns {
		c, err := net.Dial("unix", s.socket)
		if err != nil {
			t.Fatal(err)
		}
		silent = append(silent, c)
	}
	if _, why := s.ask(`{"bridge":"clipboard"}`); why == "" {
		t.Error("there is no bound on connections")
	}
	for _, c := range silent {
		c.Close()
	}
	for {
		if _, why := s.ask(`{"bridge":"clipboard"}`); why == "" {
			break
		}
	}
}

// TestConfirm: who is asked about what.
func TestConfirm(t *testing.T) {
	asked := 0
	var answer error
	yes := true
	published := uint16(0)
	options := func(o *Options) {
		o.Ask = func(context.Context, Page) (bool, error) { asked++; return yes, answer }
		o.Publish = func(p uint16) error { published = p; return nil }
	}
	s := serve(t, network.Bridges{Open: network.BridgeAsk}, options)
	if why := s.open("https://allowed.org/x"); why != "" || asked != 1 {
		t.Errorf("%q, asked %d times", why, asked)
	}
	if why := s.open("https://denied.org/x"); !strings.Contains(why, "denied") || asked != 1 {
		t.Errorf("what is denied by name: %q, asked %d times", why, asked)
	}
	answer = errors.New("nobody")
	if why := s.open("https://allowed.org/x"); why != "nobody" || s.hostDid() != 1 {
		t.Errorf("%q, the host did %d things", why, s.hostDid())
	}

	asked, answer = 0, nil
	s = serve(t, network.Bridges{Open: network.BridgeAlways}, options)
	if why := s.open("https://allowed.org/x"); why != "" || asked != 0 {
		t.Errorf("what the network allows: %q, asked %d times", why, asked)
	}
	if why := s.open("https://other.org/?secret"); why != "" || asked != 1 {
		t.Errorf("what it does not: %q, asked %d times", why, asked)
	}
	if why := s.open("https://allowed.org/?redirect_uri=http://localhost:8000/"); why != "" || asked != 2 || published != 8000 {
		t.Errorf("what answers to a port: %q, asked %d times, published %d", why, asked, published)
	}
	for _, e := range s.events {
		if strings.Contains(fmt.Sprint(e), "secret") || e.Name == "" || e.Path == "" {
			t.Errorf("logged: %+v", e)
		}
	}
	// Where the machine's policy says which ports are published, none is added.
	asked, published = 0, 0
	s = serve(t, network.Bridges{Open: network.BridgeAsk}, func(o *Options) {
		options(o)
		o.MayPublish = func(port uint16) bool { return port == 8001 }
	})
	if why := s.open("https://allowed.org/?redirect_uri=http://localhost:8000/"); !strings.Contains(why, "network.ports") || asked != 0 || published != 0 || s.hostDid() != 0 {
		t.Errorf("a port beyond those of the machine: %q, asked %d times, published %d", why, asked, published)
	}
	if why := s.open("https://allowed.org/?redirect_uri=http://localhost:8001/"); why != "" || asked != 1 {
		t.Errorf("a port of the machine's: %q, asked %d times", why, asked)
	}
	s = serve(t, network.Bridges{Open: network.BridgeAsk}, nil)
	if why := s.open("https://allowed.org/"); !strings.Contains(why, "nobody can be asked") || s.hostDid() != 0 {
		t.Errorf("%q, the host did %d things", why, s.hostDid())
	}

	// Who says no three times is left alone.
	asked, yes = 0, false
	s = serve(t, network.Bridges{Open: network.BridgeAsk}, options)
	for range perMinute[network.BridgeOpen] {
		if why := s.open("https://allowed.org/"); why == "" {
			t.Error("it is opened without a yes")
		}
	}
	if asked != maxNo || s.hostDid() != 0 {
		t.Errorf("asked %d times, the host did %d things", asked, s.hostDid())
	}
}

// TestOneQuestion: while one is asked there is no second one.
func TestOneQuestion(t *testing.T) {
	asks, answer := make(chan struct{}), make(chan bool)
	var first atomic.Bool
	s := serve(t, network.Bridges{Open: network.BridgeAsk}, func(o *Options) {
		o.Ask = func(context.Context, Page) (bool, error) {
			if first.Swap(true) {
				return true, nil
			}
			asks <- struct{}{}
			return <-answer, nil
		}
	})
	opened := make(chan string)
	go func() { opened <- s.open("https://allowed.org/1") }()
	<-asks
	if why := s.open("https://allowed.org/2"); !strings.Contains(why, "about another page") {
		t.Errorf("%q", why)
	}
	answer <- true
	if why := <-opened; why != "" || s.hostDid() != 1 {
		t.Errorf("%q", why)
	}
}

// TestOnlyImages: what a program of the host calls an image has to begin as one.
func TestOnlyImages(t *testing.T) {
	data := []byte("my password")
	s := serve(t, all, func(o *Options) {
		o.Host = func(context.Context, Request) (Answer, error) { return Answer{Data: data}, nil }
	})
	a, why := s.ask(`{"bridge":"clipboard","type":"image/png"}`)
	if why == "" || bytes.Contains(a.Data, []byte("password")) {
		t.Errorf("%q, %q", a.Data, why)
	}
	data = []byte(png)
	if a, why = s.ask(`{"bridge":"clipboard","type":"image/png"}`); why != "" || string(a.Data) != png {
		t.Errorf("%q, %q", a.Data, why)
	}
}

// TestAnswers: what is too large or no answer is none.
func TestAnswers(t *testing.T) {
	for _, text := range []string{"", "x\n", `{"size":-1}` + "\n", `{"size":99999999}` + "\n", `{"size":3}` + "\nab", strings.Repeat("x", 2*maxAnswer) + "\n"} {
		if a, err := ReadAnswer(strings.NewReader(text)); err == nil {
			t.Errorf("%.20q: %+v", text, a)
		}
	}
	// One that comes whole is refused before there is room for it.
	large := io.MultiReader(strings.NewReader(fmt.Sprintf("{\"size\":%d}\n", MaxImage+1)), bytes.NewReader(make([]byte, MaxImage+1)))
	if _, err := ReadAnswer(large); err == nil {
		t.Error("an image above the bound is read")
	}
	if _, err := ReadRequest(bufio.NewReaderSize(strings.NewReader(strings.Repeat("x", 2*MaxRequest)), MaxRequest)); err == nil {
		t.Error("a request without an end is read")
	}
}
