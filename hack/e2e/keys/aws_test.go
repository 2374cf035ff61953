package keys

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jailed-claude/jailed-claude/hack/e2e/lab"
	"github.com/jailed-claude/jailed-claude/hack/e2e/world"
)

// Keys of AWS that never were.
const (
	awsID     = "AKIAEXAMPLEEXAMPLE00"
	awsSecret = "aws-secret-" + world.Planted
)

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

func hash(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// awsSigned reports whether a request is signed with the secret (AWS Signature
// Version 4, as its documentation has it), and what is wrong with it.
func awsSigned(r *http.Request, body []byte, id, secret, token string) string {
	fields := map[string]string{}
	rest, ok := strings.CutPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 ")
	for f := range strings.SplitSeq(rest, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(f), "=")
		fields[name] = value
	}
	scope := strings.Split(fields["Credential"], "/")
	if !ok || len(scope) != 5 || scope[0] != id || r.Header.Get("X-Amz-Security-Token") != token {
		return "by another key: " + fields["Credential"]
	}
	var headers strings.Builder
	for name := range strings.SplitSeq(fields["SignedHeaders"], ";") {
		value := strings.Join(r.Header.Values(name), ",")
		switch name {
		case "host":
			value = r.Host
		case "content-length":
			value = fmt.Sprint(r.ContentLength)
		}
		fmt.Fprintf(&headers, "%s:%s\n", name, strings.Join(strings.Fields(value), " "))
	}
	query := strings.Split(r.URL.RawQuery, "&")
	slices.Sort(query)
	payload := r.Header.Get("X-Amz-Content-Sha256")
	if payload == "" {
		payload = hash(body)
	} else if len(payload) == 64 && payload != hash(body) {
		return "another body"
	}
	path := r.URL.EscapedPath()
	request := strings.Join([]string{r.Method, path, strings.Join(query, "&"), headers.String(), fields["SignedHeaders"], payload}, "\n")
	text := strings.Join([]string{"AWS4-HMAC-SHA256", r.Header.Get("X-Amz-Date"), strings.Join(scope[1:], "/"), hash([]byte(request))}, "\n")
	key := mac(mac(mac(mac([]byte("AWS4"+secret), scope[1]), scope[2]), scope[3]), scope[4])
	if hex.EncodeToString(mac(key, text)) != fields["Signature"] {
		return "the signature does not hold, of " + request
	}
	return ""
}

// bucket is the part "bucket": S3 with one bucket, and STS, for who signs with
// what is in the file of its second argument.
func bucket(args []string) int {
	file, kept := args[1], []byte("kept")
	return world.ServePart(args[0], http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		text, _ := os.ReadFile(file)
		k := append(strings.Fields(string(text)), "", "", "")
		w.Header().Set("Content-Type", "application/xml")
		if wrong := awsSigned(r, body, k[0], k[1], k[2]); wrong != "" {
			w.WriteHeader(http.StatusForbidden)
			fmt.Fprintf(w, "<Error><Code>SignatureDoesNotMatch</Code><Message>%q</Message></Error>", wrong)
			return
		}
		switch {
		case strings.HasPrefix(r.Host, "sts."):
			fmt.Fprint(w, `<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult><Account>123</Account><Arn>arn:aws:iam::123:user/ada</Arn><UserId>A</UserId></GetCallerIdentityResult></GetCallerIdentityResponse>`)
		case r.Method == http.MethodPut:
			kept = body
			w.Header().Set("Etag", `"x"`)
		case r.URL.Query().Has("list-type"):
			fmt.Fprint(w, `<ListBucketResult><Name>b</Name><KeyCount>1</KeyCount><MaxKeys>1</MaxKeys><IsTruncated>false</IsTruncated><Contents><Key>a file+one.txt</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified><Size>4</Size></Contents></ListBucketResult>`)
		default:
			w.Header().Set("Content-Length", fmt.Sprint(len(kept)))
			w.Header().Set("Last-Modified", "Thu, 01 Jan 2026 00:00:00 GMT")
			_, _ = w.Write(kept)
		}
	}))
}

// TestAWS: Debian's aws lists, writes and reads a bucket with keys that it does
// not have; keys that change on the host are used at once.
func TestAWS(t *testing.T) {
	t.Parallel()
	aws := "/usr/bin/aws"
	if _, err := os.Stat(aws); err != nil {
		t.Skip("Debian's awscli is not installed")
	}
	w, l := world.NewLab(t)
	keys := w.Write(filepath.Join(w.Dir, "keys"), awsID+" "+awsSecret)
	at := l.Part(w, "bucket", keys)
	for _, name := range []string{"b.s3.eu-central-1.amazonaws.com", "s3.eu-central-1.amazonaws.com", "sts.eu-central-1.amazonaws.com"} {
		l.Name(name, lab.PublicA)
		l.Ask(lab.Order{Name: name, Answers: [][]string{{lab.PublicA}}, Backend: at})
	}
	credentials := func(more string) {
		w.Write(w.Home+"/.aws/credentials", "[other]\naws_access_key_id = x\n[work]\naws_access_key_id = "+awsID+"\naws_secret_access_key = "+awsSecret+"\n"+more)
	}
	credentials("")
	run := func(policy, script string) world.Result {
		w.Write(w.Home+"/.config/jailed-claude/config.toml", "version = 1\n"+policy)
		return world.Finish(t, w.Command("shell", "--package", "host", "--", "bash", "-c", "export AWS_EC2_METADATA_DISABLED=true AWS_MAX_ATTEMPTS=1 AWS_DEFAULT_REGION=eu-central-1 AWS_STS_REGIONAL_ENDPOINTS=regional AWS_PAGER=; cd /tmp; aws() { "+aws+" \"$@\"; }\n"+script))
	}
	const broker = "network.mode = \"none\"\n[[broker]]\nhost = \"*.amazonaws.com\"\nfrom = \"aws:work\"\n"
	const all = `aws s3 ls s3://b; echo new >n; aws s3 cp --quiet n "s3://b/a file+one.txt" && aws s3 cp --quiet s3://b/x got && cat got; aws sts get-caller-identity --query Arn --output text`
	r := run(broker, all)
	if r.Status != 0 || !strings.Contains(r.Out, "a file+one.txt") || !strings.Contains(r.Out, "new\narn:aws:iam::123:user/ada\n") {
		t.Errorf("%s\n%s", r, w.SessionLog())
	}
	if text := r.Out + r.Err + w.SessionLog(); strings.Contains(text, world.Planted) {
		t.Errorf("a key was shown: %s", text)
	}
	// Short-lived ones, while the jail runs.
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 600 {
			if _, err := os.Stat(w.Project + "/ready"); err == nil {
				break
			}
			time.Sleep(100 * time.Millisecond)
		}
		_ = os.WriteFile(keys, []byte(awsID+" "+awsSecret+" token-"+world.Planted), 0o600)
		_ = os.WriteFile(w.Home+"/.aws/credentials", []byte("[work]\naws_access_key_id="+awsID+"\naws_secret_access_key="+awsSecret+"\naws_session_token=token-"+world.Planted+"\n"), 0o600)
		_ = os.WriteFile(w.Project+"/turned", nil, 0o600)
	}()
	r = run(broker, `aws s3 ls s3://b >/dev/null && touch "$OLDPWD/ready"; until [ -e "$OLDPWD/turned" ]; do sleep 0.1; done; aws s3 ls s3://b; env; cat ~/.aws/* 2>/dev/null`)
	<-done
	if !strings.Contains(r.Out, "a file+one.txt") || strings.Contains(r.Out+r.Err, world.Planted) {
		t.Errorf("%s\n%s", r, w.SessionLog())
	}
	// Without the broker, and with another key than the placeholder.
	r = run("[network]\nmode = \"filtered\"\nallow = [\"*.amazonaws.com\"]\n", "export AWS_ACCESS_KEY_ID=placeholder-for-the-amazonaws-com-key-which-stays-outside-of-this-jail AWS_SECRET_ACCESS_KEY=x; aws s3 ls s3://b")
	if r.Status == 0 {
		t.Errorf("without a broker: %s", r)
	}
	r = run(broker, "AWS_ACCESS_KEY_ID=AKIASOMEBODYELSE0000 AWS_SECRET_ACCESS_KEY=x aws s3 ls s3://b")
	if r.Status == 0 || !strings.Contains(r.Err, "takes no other key") {
		t.Errorf("another key: %s", r)
	}
	if r = run(strings.Replace(broker, "aws:work", "aws:missing", 1), "true"); r.Status == 0 || !strings.Contains(r.Err, "no profile [missing]") {
		t.Error(r)
	}
}
