package main

import (
	"archive/tar"
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"time"
)

// certificates makes an authority of a day in a folder, and NAME.pem and NAME.key
// of the kubelet and of whoever asks it.
//
// Arguments: the folder, and the address of the node.
func certificates(args []string) error {
	if len(args) != 2 {
		return errUsage
	}
	dir, node := args[0], args[1]
	ca := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "cluster"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	caKey, err := certificate(dir, "ca", ca, nil, nil)
	for i, name := range []string{"kubelet", "to-kubelet"} {
		if err != nil {
			return err
		}
		_, err = certificate(dir, name, &x509.Certificate{
			SerialNumber: big.NewInt(int64(i) + 2), Subject: pkix.Name{CommonName: name}, KeyUsage: x509.KeyUsageDigitalSignature,
			ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth}, IPAddresses: []net.IP{net.ParseIP(node)},
		}, ca, caKey)
	}
	return err
}

func certificate(dir, name string, c, ca *x509.Certificate, caKey *ecdsa.PrivateKey) (*ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	if ca == nil {
		ca, caKey = c, key
	}
	c.NotBefore, c.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(24*time.Hour)
	der, err := x509.CreateCertificate(rand.Reader, c, ca, key.Public(), caKey)
	if err != nil {
		return nil, err
	}
	private, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, err
	}
	return key, errors.Join(
		os.WriteFile(filepath.Join(dir, name+".pem"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o644), //nolint:gosec // a certificate
		os.WriteFile(filepath.Join(dir, name+".key"), pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: private}), 0o600),
	)
}

// pauseImage writes an image layout with this program alone.
//
// Argument: the folder.
func pauseImage(args []string) error {
	if len(args) != 1 {
		return errUsage
	}
	self, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		return err
	}
	blobs := filepath.Join(args[0], "blobs/sha256")
	if err := os.MkdirAll(blobs, 0o755); err != nil {
		return err
	}
	var layer bytes.Buffer
	t := tar.NewWriter(&layer)
	err = t.WriteHeader(&tar.Header{Name: "pause", Mode: 0o755, Size: int64(len(self))})
	if err == nil {
		_, err = t.Write(self)
	}
	if err = errors.Join(err, t.Close()); err != nil {
		return err
	}
	type descriptor struct {
		MediaType string `json:"mediaType"`
		Digest    string `json:"digest"`
		Size      int    `json:"size"`
	}
	const kind = "application/vnd.oci.image."
	put := func(what string, text []byte) (descriptor, error) {
		d := fmt.Sprintf("%x", sha256.Sum256(text))
		return descriptor{kind + what, "sha256:" + d, len(text)}, os.WriteFile(filepath.Join(blobs, d), text, 0o644) //nolint:gosec // an image for all
	}
	putJSON := func(what string, v any) (descriptor, error) {
		text, err := json.Marshal(v)
		if err != nil {
			return descriptor{}, err
		}
		return put(what, text)
	}
	l, err := put("layer.v1.tar", layer.Bytes())
	if err != nil {
		return err
	}
	c, err := putJSON("config.v1+json", map[string]any{
		"architecture": runtime.GOARCH, "os": "linux", "config": map[string]any{"Entrypoint": []string{"/pause"}},
		"rootfs": map[string]any{"type": "layers", "diff_ids": []string{l.Digest}},
	})
	if err != nil {
		return err
	}
	m, err := putJSON("manifest.v1+json", map[string]any{"schemaVersion": 2, "mediaType": kind + "manifest.v1+json", "config": c, "layers": []descriptor{l}})
	if err != nil {
		return err
	}
	index, err := json.Marshal(map[string]any{"schemaVersion": 2, "manifests": []descriptor{m}})
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(args[0], "index.json"), index, 0o644) //nolint:gosec // an image for all
}
