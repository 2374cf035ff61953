// Package client is what runs inside a jail to measure its way out.
//
// What does not belong here: the server outside.
package client

import (
	"bufio"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/jailed-claude/jailed-claude/hack/bench/proc"
	"github.com/jailed-claude/jailed-claude/hack/bench/report"
)

// Answer is what a client says of one job, a line of JSON.
type Answer struct {
	Job string `json:"job"`
	// Values in MB/s or milliseconds.
	Values []float64 `json:"values"`
	Err    string    `json:"err,omitempty"`
}

// ErrUsage is for arguments that make no sense.
var ErrUsage = errors.New("usage: bench client HOST:PORT JOB…")

// Run HOST:PORT JOB... does jobs inside a jail and prints one answer for
// each: down=BYTES, up=BYTES (one stream), down16=BYTES, up16=BYTES (16 at a
// time), latency=N (connect, one byte there and back, N times), many=N (that
// many at once, which stay open), hold (wait for a line, close them, wait for
// another). Where HTTPS_PROXY is set it goes through that with CONNECT.
func Run(args []string, in io.Reader, out io.Writer) error {
	if len(args) < 2 {
		return ErrUsage
	}
	// As many connections as the jail allows.
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err == nil {
		limit.Cur = limit.Max
		_ = syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit)
	}
	d, err := newDialler(args[0], os.Getenv("HTTPS_PROXY"))
	if err != nil {
		return err
	}
	lines, encoder := bufio.NewReader(in), json.NewEncoder(out)
	var open []net.Conn
	for _, arg := range args[1:] {
		a := Answer{Job: arg}
		name, text, _ := strings.Cut(arg, "=")
		n := int64(proc.Number(text))
		switch name {
		case "down", "up":
			a.Values, err = d.streams(name[0], 1, n)
		case "down16", "up16":
			a.Values, err = d.streams(name[0], 16, n)
		case "latency":
			a.Values, err = d.latency(int(n))
		case "many":
			open, a.Values, err = d.many(int(n))
		case "hold":
			_, _ = lines.ReadString('\n')
			for _, c := range open {
				_ = c.Close()
			}
			_, _ = lines.ReadString('\n')
		default:
			err = ErrUsage
		}
		if err != nil {
			a.Err = err.Error()
		}
		if err := encoder.Encode(a); err != nil {
			return err
		}
	}
	return nil
}

// dialler leads to the server.
type dialler struct {
	// address to dial; with a proxy, the proxy's.
	address string
	// connect is sent to a proxy first.
	connect string
}

// newDialler looks the name up once, so that connecting is all that is
// measured.
func newDialler(target, proxy string) (*dialler, error) {
	if proxy != "" {
		u, err := url.Parse(proxy)
		if err != nil {
			return nil, errors.New("HTTPS_PROXY is no address")
		}
		d := &dialler{address: u.Host, connect: fmt.Sprintf("CONNECT %s HTTP/1.1\r\nHost: %s\r\n", target, target)}
		if u.User != nil {
			word, _ := u.User.Password()
			d.connect += "Proxy-Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(u.User.Username()+":"+word)) + "\r\n"
		}
		d.connect += "\r\n"
		return d, nil
	}
	a, err := net.ResolveTCPAddr("tcp4", target)
	if err != nil {
		return nil, err
	}
	return &dialler{address: a.String()}, nil
}

// patience is how long a job may take. A way out that loses a connection
// without a word must not hold everything up.
const patience = time.Minute

func (d *dialler) dial() (net.Conn, error) {
	c, err := net.DialTimeout("tcp", d.address, patience)
	if err == nil {
		err = c.SetDeadline(time.Now().Add(patience))
	}
	if err != nil || d.connect == "" {
		return c, err
	}
	if _, err := io.WriteString(c, d.connect); err != nil {
		_ = c.Close()
		return nil, err
	}
	// Byte by byte: what follows the head belongs to the stream.
	var head []byte
	for one := make([]byte, 1); !strings.HasSuffix(string(head), "\r\n\r\n"); head = append(head, one[0]) {
		if _, err := io.ReadFull(c, one); err != nil || len(head) > 4096 {
			_ = c.Close()
			return nil, fmt.Errorf("the proxy said %.200q", head)
		}
	}
	if f := strings.Fields(string(head)); len(f) < 2 || f[1] != "200" {
		_ = c.Close()
		return nil, fmt.Errorf("the proxy said %.200q", head)
	}
	return c, nil
}

// streams moves n bytes in all, in so many streams at a time, and returns the
// MB/s. Connecting does not count.
func (d *dialler) streams(op byte, streams int, n int64) ([]float64, error) {
	share := n / int64(streams)
	all := make([]net.Conn, streams)
	for i := range all {
		c, err := d.dial()
		if err != nil {
			return nil, err
		}
		defer c.Close()
		all[i] = c
	}
	failed := make([]error, streams)
	var wait sync.WaitGroup
	start := time.Now()
	for i, c := range all {
		wait.Go(func() { failed[i] = move(c, op, share) })
	}
	wait.Wait()
	took := time.Since(start)
	return []float64{float64(share) * float64(streams) / 1e6 / took.Seconds()}, errors.Join(failed...)
}

func move(c net.Conn, op byte, n int64) error {
	if _, err := c.Write(binary.BigEndian.AppendUint64([]byte{op}, uint64(n))); err != nil {
		return err
	}
	if op == 'u' {
		if err := Pour(c, n); err != nil {
			return err
		}
		_, err := io.ReadFull(c, make([]byte, 1))
		return err
	}
	// Not by io.Copy: reads as large as a program's.
	buf := make([]byte, 256<<10)
	for n > 0 {
		m, err := c.Read(buf)
		if n -= int64(m); err != nil && n > 0 {
			return err
		}
	}
	return nil
}

// ping connects and gets one byte back.
func (d *dialler) ping() (net.Conn, error) {
	c, err := d.dial()
	if err != nil {
		return nil, err
	}
	if _, err = c.Write([]byte{'e'}); err == nil {
		_, err = io.ReadFull(c, make([]byte, 1))
	}
	if err != nil {
		_ = c.Close()
		return nil, err
	}
	return c, nil
}

func (d *dialler) latency(n int) ([]float64, error) {
	var all []float64
	for range n {
		start := time.Now()
		c, err := d.ping()
		if err != nil {
			return all, err
		}
		all = append(all, report.Millis(time.Since(start)))
		_ = c.Close()
	}
	return all, nil
}

func (d *dialler) many(n int) ([]net.Conn, []float64, error) {
	all, failed := make([]net.Conn, n), make([]error, n)
	var wait sync.WaitGroup
	start := time.Now()
	for i := range n {
		wait.Go(func() { all[i], failed[i] = d.ping() })
	}
	wait.Wait()
	took := report.Millis(time.Since(start))
	bad := 0
	var last error
	open := all[:0]
	for i, err := range failed {
		if err != nil {
			bad, last = bad+1, err
			continue
		}
		open = append(open, all[i])
	}
	if bad > 0 {
		return open, nil, fmt.Errorf("%d of %d connections: %w", bad, n, last)
	}
	return open, []float64{took}, nil
}

var zeroes = make([]byte, 256<<10)

// Pour writes n bytes.
func Pour(w io.Writer, n int64) error {
	for n > 0 {
		m, err := w.Write(zeroes[:min(n, int64(len(zeroes)))])
		if err != nil {
			return err
		}
		n -= int64(m)
	}
	return nil
}

// forward passes connections to another address, for a server that listens on
