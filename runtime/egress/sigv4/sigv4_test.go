package sigv4

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestParse(t *testing.T) {
	const sound = "AWS4-HMAC-SHA256 Credential=AKID/20261129/eu-central-1/s3/aws4_request, SignedHeaders=host;x-amz-date, Signature=abc"
	for header, want := range map[string]Scope{
		sound:                                {"AKID", "eu-central-1", "s3"},
		strings.ReplaceAll(sound, ", ", ","): {"AKID", "eu-central-1", "s3"},
		strings.Replace(sound, "AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256", 1): {},
		strings.Replace(sound, "aws4_request", "other", 1):                      {},
		strings.Replace(sound, "/s3/", "/s3/x/", 1):                             {},
		strings.Replace(sound, "eu-central-1", "", 1):                           {},
		strings.Replace(sound, "/s3/", "/s3\n/", 1):                             {},
		sound + ", Credential=OTHER/20261129/eu-central-1/s3/aws4_request":      {},
		"Bearer x": {}, "": {}, "AWS4-HMAC-SHA256 ": {}, "AWS4-HMAC-SHA256 Signature=x": {},
	} {
		got, ok := Parse(header)
		if ok != (want != Scope{}) || ok && got != want {
			t.Errorf("%q: %+v, %v", header, got, ok)
		}
	}
}

// TestSign is an example of Amazon's own ("Signature Version 4, GET Object").
func TestSign(t *testing.T) {
	r, err := http.NewRequest(http.MethodGet, "https://examplebucket.s3.amazonaws.com/test.txt", nil)
	if err != nil {
		t.Fatal(err)
	}
	const empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	r.Header.Set("Range", "bytes=0-9")
	r.Header.Set("X-Amz-Content-Sha256", empty)
	key := Key("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "")
	if err := Sign(r, Scope{Region: "us-east-1", Service: "s3"}, key, empty, time.Date(2013, 5, 24, 0, 0, 0, 0, time.UTC)); err != nil {
		t.Fatal(err)
	}
	const want = "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"
	if got := r.Header.Get("Authorization"); !strings.HasSuffix(got, want) {
		t.Errorf("%s, want %s", got, want)
	}
	if err := Sign(r, Scope{}, "one", empty, time.Now()); err == nil || strings.Contains(err.Error(), "one") {
		t.Error(err)
	}
}
