package main

import (
	"encoding/binary"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
)

// public is the internet of this cluster: names, and where they lead. What
// listens there is real; nothing leaves the namespace.
var public = map[string]string{
	"api.anthropic.com": "93.184.216.34",
	"allowed.example":   "93.184.216.34",
	"elsewhere.example": "93.184.216.35",
}

// serve is all that is outside of the cluster: a registry of the image layouts
// in a folder, a name server, and the services, of which one is the scripted
// API at another address.
//
// Arguments: the folder, the address for the registry, that for names, and that
// of the API.
func serve(args []string) error {
	if len(args) != 4 {
		return errUsage
	}
	failed := make(chan error, 8)
	conn, err := net.ListenPacket("udp", args[2])
	if err != nil {
		return err
	}
	go func() { failed <- answerNames(conn) }()
	for _, at := range []string{"93.184.216.34:443", "93.184.216.34:22", "93.184.216.35:443"} {
		l, err := net.Listen("tcp", at)
		if err != nil {
			return err
		}
		to := ""
		if at == "93.184.216.34:443" {
			to = args[3]
		}
		go func() { failed <- forward(l, to) }()
	}
	go func() { failed <- http.ListenAndServe(args[1], registry(args[0])) }() //nolint:gosec // a server of minutes
	return <-failed
}

// registry is the part of the OCI distribution protocol that pulls: of each
// folder NAME, which is an image layout, the image NAME.
func registry(dir string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v2/{$}", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("GET /v2/{name}/manifests/{ref}", func(w http.ResponseWriter, r *http.Request) {
		ref := r.PathValue("ref")
		if !strings.HasPrefix(ref, "sha256:") {
			var index struct{ Manifests []struct{ Digest string } }
			text, err := os.ReadFile(filepath.Join(dir, r.PathValue("name"), "index.json"))
			if err != nil || json.Unmarshal(text, &index) != nil || len(index.Manifests) == 0 {
				http.NotFound(w, r)
				return
			}
			ref = index.Manifests[0].Digest
		}
		text, err := os.ReadFile(blob(dir, r.PathValue("name"), ref))
		if err != nil {
			http.NotFound(w, r)
			return
		}
		var m struct{ MediaType string }
		_ = json.Unmarshal(text, &m)
		if m.MediaType == "" {
			m.MediaType = "application/vnd.oci.image.manifest.v1+json"
		}
		w.Header().Set("Content-Type", m.MediaType)
		w.Header().Set("Docker-Content-Digest", ref)
		_, _ = w.Write(text)
	})
	mux.HandleFunc("GET /v2/{name}/blobs/{digest}", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/octet-stream")
		http.ServeFile(w, r, blob(dir, r.PathValue("name"), r.PathValue("digest")))
	})
	return mux
}

func blob(dir, name, digest string) string {
	return filepath.Join(dir, name, "blobs/sha256", strings.TrimPrefix(filepath.Base(digest), "sha256:"))
}

// forward joins connections to another address; without one it says who it is.
func forward(l net.Listener, to string) error {
	for {
		c, err := l.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer func() { _ = c.Close() }()
			if to == "" {
				_, _ = io.WriteString(c, l.Addr().String()+"\n")
				return
			}
			up, err := net.Dial("tcp", to)
			if err != nil {
				return
			}
			defer func() { _ = up.Close() }()
			go func() {
				_, _ = io.Copy(up, c)
				_ = up.(*net.TCPConn).CloseWrite()
			}()
			_, _ = io.Copy(c, up)
		}()
	}
}

// answerNames is a name server (RFC 1035) of one question a packet: an address
// for what is public, none of IPv6, and that there is no such name.
func answerNames(conn net.PacketConn) error {
	b := make([]byte, 1500)
	for {
		n, from, err := conn.ReadFrom(b)
		if err != nil {
			return err
		}
		q := b[:n]
		if n < 17 {
			continue
		}
		var labels []string
		i := 12
		for i < n && q[i] != 0 && i+1+int(q[i]) < n {
			labels = append(labels, string(q[i+1:i+1+int(q[i])]))
			i += 1 + int(q[i])
		}
		if i+5 > n {
			continue
		}
		ip, known := public[strings.ToLower(strings.Join(labels, "."))]
		kind := binary.BigEndian.Uint16(q[i+1:])
		a := append([]byte{}, q[:i+5]...)
		a[2], a[3] = 0x84, 0x80 // an authoritative answer, with recursion
		copy(a[4:12], []byte{0, 1, 0, 0, 0, 0, 0, 0})
		switch {
		case !known:
			a[3] |= 3
		case kind == 1:
			a[7] = 1
			a = append(a, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4)
			a = append(a, net.ParseIP(ip).To4()...)
		}
		_, _ = conn.WriteTo(a, from)
	}
}
