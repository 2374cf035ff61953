package sshfiles

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // what hashes names in known_hosts (sshd(8))
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"path"
	"slices"
	"strings"

	"github.com/jailed-claude/jailed-claude/spec/host/source"
)

// Fingerprint is that of the public key in a file, as ssh-keygen -l shows it.
func Fingerprint(file string) (string, error) {
	text, err := source.ReadText(file)
	if err != nil {
		return "", err
	}
	f := strings.Fields(text)
	if len(f) < 2 {
		return "", errors.New("there is no public key in it")
	}
	blob, ok := decode(f[0], f[1])
	if !ok {
		return "", errors.New("there is no public key in it")
	}
	sum := sha256.Sum256(blob)
	return "SHA256:" + base64.RawStdEncoding.EncodeToString(sum[:]), nil
}

// decode reads a key, which begins with its own type.
func decode(kind, text string) (blob []byte, ok bool) {
	blob, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(blob) < 4 {
		return nil, false
	}
	n, rest := binary.BigEndian.Uint32(blob), blob[4:]
	return blob, uint64(n) < uint64(len(rest)) && string(rest[:n]) == kind
}

// HostKeys are the keys ("TYPE BASE64") that known_hosts files have of a host,
// without those that one of them revokes. The name is as in the files:
// "github.com", "[git.example.com]:2222". Authorities (@cert-authority) are not
// looked at. A file that is missing has none.
func HostKeys(name string, files ...string) (keys []string) {
	var revoked []string
	for _, file := range files {
		text, err := source.ReadText(file)
		if err != nil {
			continue
		}
		for line := range strings.Lines(text) {
			f := strings.Fields(line)
			marker := ""
			if len(f) > 0 && strings.HasPrefix(f[0], "@") {
				marker, f = f[0], f[1:]
			}
			if len(f) < 3 || strings.HasPrefix(f[0], "#") || !names(f[0], name) {
				continue
			}
			if _, ok := decode(f[1], f[2]); !ok {
				continue
			}
			switch key := f[1] + " " + f[2]; marker {
			case "":
				if !slices.Contains(keys, key) {
					keys = append(keys, key)
				}
			case "@revoked":
				revoked = append(revoked, key)
			}
		}
	}
	return slices.DeleteFunc(keys, func(k string) bool { return slices.Contains(revoked, k) })
}

// names: the first field of a line is of a host (sshd(8), "SSH_KNOWN_HOSTS FILE
// FORMAT").
func names(field, name string) (is bool) {
	if salt, hash, ok := strings.Cut(strings.TrimPrefix(field, "|1|"), "|"); ok && strings.HasPrefix(field, "|1|") {
		s, err := base64.StdEncoding.DecodeString(salt)
		h, herr := base64.StdEncoding.DecodeString(hash)
		if err != nil || herr != nil {
			return false
		}
		m := hmac.New(sha1.New, s)
		m.Write([]byte(name))
		return hmac.Equal(m.Sum(nil), h)
	}
	for pattern := range strings.SplitSeq(strings.ToLower(field), ",") {
		pattern, not := strings.CutPrefix(pattern, "!")
		if !matches(pattern, name) {
			continue
		}
		if not {
			return false
		}
		is = true
	}
	return is
}

// matches compares with "*" and "?"; brackets are of the name.
func matches(pattern, name string) bool {
	ok, err := path.Match(strings.NewReplacer("[", `\[`, "]", `\]`, `\`, `\\`).Replace(pattern), name)
	return ok && err == nil
}
