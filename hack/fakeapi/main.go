package main

import (
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

// errNotLoopback is returned by listen for an address that others could reach.
var errNotLoopback = errors.New("not a loopback address")

func main() {
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, os.Interrupt, syscall.SIGTERM)
	os.Exit(run(os.Args[1:], os.Stderr, stop))
}

// options are the command line.
type options struct {
	addr, addrFile string
	tlsAddr        string
	tlsAddrFile    string
	caFile         string
	script, log    string
	proxy          bool
}

// run serves until a value arrives on stop, and returns the exit status.
func run(args []string, stderr io.Writer, stop <-chan os.Signal) int {
	var o options
	flags := flag.NewFlagSet("fakeapi", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&o.addr, "addr", "127.0.0.1:0", "listen here (loopback only)")
	flags.StringVar(&o.addrFile, "addrfile", "", "write the address here once it listens")
	flags.StringVar(&o.tlsAddr, "tls", "", "serve TLS here too (loopback only); needs -ca")
	flags.StringVar(&o.tlsAddrFile, "tlsaddrfile", "", "write the address of -tls here")
	flags.StringVar(&o.caFile, "ca", "", "write the certificate of the throwaway CA here, in PEM")
	flags.StringVar(&o.script, "script", "", "a JSON list of turns")
	flags.StringVar(&o.log, "log", "", "append requests as JSON lines (default: standard error)")
	flags.BoolVar(&o.proxy, "proxy", false, "join CONNECT requests to loopback addresses")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	if err := serve(o, stderr, stop); err != nil {
		_, _ = fmt.Fprintf(stderr, "fakeapi: %v\n", err)
		return 1
	}
	return 0
}

func serve(o options, stderr io.Writer, stop <-chan os.Signal) (err error) {
	script := []turn{{Text: "hello from fakeapi"}}
	if o.script != "" {
		if script, err = loadScript(o.script); err != nil {
			return err
		}
	}
	out := stderr
	if o.log != "" {
		f, err := os.OpenFile(o.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			return fmt.Errorf("open log: %w", err)
		}
		defer func() { err = errors.Join(err, f.Close()) }()
		out = f
	}
	s := newServer(script, out)
	s.joinLoopback = o.proxy
	failed := make(chan error, 2)

	if o.tlsAddr != "" {
		if o.caFile == "" {
			return errors.New("-tls needs -ca: nobody could trust it")
		}
		conf, ca, err := throwawayCA(tlsNames...)
		if err != nil {
			return fmt.Errorf("make certificates: %w", err)
		}
		l, err := listen(o.tlsAddr)
		if err != nil {
			return err
		}
		s.tlsAddr = l.Addr().String()
		if err := writeFile(o.caFile, ca); err != nil {
			return err
		}
		if err := writeFile(o.tlsAddrFile, []byte(s.tlsAddr)); err != nil {
			return err
		}
		go func() { failed <- httpServer(s).Serve(tls.NewListener(l, conf)) }()
	}

	l, err := listen(o.addr)
	if err != nil {
		return err
	}
	go func() { failed <- httpServer(s).Serve(l) }()
	if err := writeFile(o.addrFile, []byte(l.Addr().String())); err != nil {
		return err
	}
	select {
	case <-stop:
		return nil
	case err := <-failed:
		return err
	}
}

func httpServer(s *server) *http.Server {
	return &http.Server{Handler: s, ReadHeaderTimeout: time.Minute}
}

// listen refuses any address but a loopback one, before anything is bound.
func listen(addr string) (net.Listener, error) {
	tcp, err := net.ResolveTCPAddr("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	if !tcp.IP.IsLoopback() {
		return nil, fmt.Errorf("listen %q: %w", addr, errNotLoopback)
	}
	l, err := net.ListenTCP("tcp", tcp)
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	return l, nil
}

// writeFile writes a file at once (temporary file and rename), so that who
// waits for it never reads half of it. An empty name is no file.
func writeFile(name string, data []byte) error {
	if name == "" {
		return nil
	}
	f, err := os.CreateTemp(filepath.Dir(name), ".fakeapi-*")
	if err != nil {
		return fmt.Errorf("write %q: %w", name, err)
	}
	_, err = f.Write(data)
	// A test may run the server as one user and the agent as another.
	err = errors.Join(err, f.Chmod(0o644), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		return fmt.Errorf("write %q: %w", name, errors.Join(err, os.Remove(f.Name())))
	}
	return nil
}
