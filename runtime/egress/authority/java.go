package authority

import (
	"bytes"
	"crypto/sha1" //nolint:gosec // the format has no other
	"encoding/binary"
	"encoding/pem"
	"errors"
	"fmt"
	"unicode/utf16"
)

// javaPassword is that of the trust store of every JDK. It is no secret, and
// proves nothing: programs that give none take the store unread.
const javaPassword = "changeit"

const (
	javaMagic   = 0xfeedfeed
	javaVersion = 2
	javaTrusted = 2 // an entry is a certificate that is trusted
	javaHeader  = 12
)

// JavaStore is a trust store of Java (JKS) with the authority's certificate as one
// more, or the certificates of roots (PEM) and that one where store is of another
// format: Java takes either.
func (a *Authority) JavaStore(store, roots []byte) ([]byte, error) {
	body, count, ok := javaEntries(store)
	if !ok {
		for block, rest := pem.Decode(roots); block != nil; block, rest = pem.Decode(rest) {
			if block.Type == "CERTIFICATE" {
				count++
				body = javaEntry(body, fmt.Sprintf("root-%d", count), 0, block.Bytes)
			}
		}
	}
	if count == 0 {
		return nil, errors.New("the trust store of Java would be empty")
	}
	made := a.cert.NotBefore.UnixMilli()
	out := binary.BigEndian.AppendUint32(nil, javaMagic)
	out = binary.BigEndian.AppendUint32(out, javaVersion)
	out = binary.BigEndian.AppendUint32(out, count+1)
	out = javaEntry(append(out, body...), "jailed-claude", uint64(made), a.cert.Raw) // a time after 1970
	sum := javaSum(out)
	return append(out, sum[:]...), nil
}

// javaEntries are those of a store, as they are there.
func javaEntries(store []byte) (entries []byte, count uint32, ok bool) {
	end := len(store) - sha1.Size
	if end < javaHeader || binary.BigEndian.Uint32(store) != javaMagic || binary.BigEndian.Uint32(store[4:]) != javaVersion {
		return nil, 0, false
	}
	if sum := javaSum(store[:end]); !bytes.Equal(sum[:], store[end:]) {
		return nil, 0, false // of another password, or broken
	}
	return bytes.Clone(store[javaHeader:end]), binary.BigEndian.Uint32(store[8:]), true
}

// javaEntry appends a certificate that is trusted.
func javaEntry(to []byte, alias string, made uint64, der []byte) []byte {
	text := func(s string) {
		to = binary.BigEndian.AppendUint16(to, uint16(len(s)))
		to = append(to, s...)
	}
	to = binary.BigEndian.AppendUint32(to, javaTrusted)
	text(alias)
	to = binary.BigEndian.AppendUint64(to, made)
	text("X.509")
	to = binary.BigEndian.AppendUint32(to, uint32(len(der)))
	return append(to, der...)
}

// javaSum is what a store ends with.
func javaSum(store []byte) [sha1.Size]byte {
	var all []byte
	for _, c := range utf16.Encode([]rune(javaPassword)) {
		all = binary.BigEndian.AppendUint16(all, c)
	}
	all = append(all, "Mighty Aphrodite"...)
	return sha1.Sum(append(all, store...)) //nolint:gosec // the format has no other
}
