package authority

import (
	"encoding/base64"
	"fmt"
)

// Files are generated files of a jail that are for the authority's certificate, by
// their paths: the certificate itself, and policies of Chromium and Chrome.
func (a *Authority) Files(certificate string, policies []string) map[string][]byte {
	files := map[string][]byte{certificate: a.PEM()}
	for _, p := range policies {
		files[p] = fmt.Appendf(nil, "{\"CACertificates\": [%q]}\n", base64.StdEncoding.EncodeToString(a.der()))
	}
	return files
}
