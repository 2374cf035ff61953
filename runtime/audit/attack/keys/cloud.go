package keys

import (
	"strings"

	"github.com/jailed-claude/jailed-claude/runtime/audit/attack"
)

// cloud misuses the broker that signs requests to AWS again.
func cloud() []attack.Attack {
	const other, another = "a signature by the caller's key is for something else than the broker's host", "the service takes a request that somebody else signed, or nobody"
	var all []attack.Attack
	add := func(name, source, success string, taken bool, target, host, more string) {
		all = append(all, attack.Attack{Name: name, Source: source, Success: success, Judge: arrives(name), Run: func(e *attack.Env) attack.Result {
			s := service{e.Keys.Cloud, cloudVariable}
			if r := brokenCloud(s); r != nil {
				return *r
			}
			put := strings.NewReplacer("{id}", s.placeholder(), "{scope}", "20260101/eu-central-1/s3/aws4_request", "{other}", e.Keys.Service)
			got, err := exchange(s.host, put.Replace(cloudRequest(s, target, host, nameHeader+": "+name+"\r\n"+more)))
			switch {
			case leaks(e, got):
				return attack.Through("the key is in the answer")
			case taken:
				return unlessTaken(got, err)
			}
			return answered(got, err)
		}})
	}
	const signed = "Authorization: AWS4-HMAC-SHA256 Credential={id}/{scope}, SignedHeaders=host;x-amz-date, Signature=00\r\n"
	add("cloud-token-shown", "an error of S3 that shows the request", "the session token is in an answer", false, "/allowed/answer/body", "", signed)
	add("cloud-other-host", "RFC 9110, 7.4", other, false, hidden("cloud-other-host"), "{other}", signed)
	add("cloud-other-service", "the scope of a signature", other, false, hidden("cloud-other-service"), "iam.amazonaws.com", strings.Replace(signed, "{scope}", "20260101/us-east-1/iam/aws4_request", 1))
	add("cloud-other-region", "the scope of a signature", other, false, hidden("cloud-other-region"), "s3.us-west-2.amazonaws.com", strings.Replace(signed, "{scope}", "20260101/us-west-2/s3/aws4_request", 1))
	add("cloud-signature-without-host", "a signature that holds at every host", other, false, "/allowed/signed", "", strings.Replace(signed, "host;x-amz-date", "x-amz-date", 1))
	add("cloud-scope-with-slashes", "the scope of a signature", other, true, "/allowed/works", "", strings.Replace(signed, "{scope}", "20260101/eu-central-1/s3/iam/aws4_request", 1))
	add("cloud-presigned", "aws s3 presign", "a URL holds what the caller's key signed", false, "/allowed/x?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={id}/{scope}&X-Amz-Signature=00", "", "")
	add("cloud-chunks-signed", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", another, true, "/allowed/works", "", signed+"X-Amz-Content-Sha256: STREAMING-AWS4-HMAC-SHA256-PAYLOAD\r\n")
	add("cloud-own-key", "the attacker's own account: a way out for data", another, true, "/allowed/x", "", strings.Replace(signed, "{id}", "AKIASOMEBODYELSES000", 1))
	add("cloud-own-token", "the attacker's own session", another, false, "/allowed/signed", "", signed+"X-Amz-Security-Token: somebody-elses\r\n")
	add("cloud-two-signatures", "RFC 9110, 5.3", another, true, "/allowed/x", "", signed+strings.Replace(signed, "{id}", "AKIASOMEBODYELSES000", 1))
	return all
}

func cloudRequest(s service, target, host, more string) string {
	if host == "" {
		host = s.host
	}
	return "GET " + target + " HTTP/1.1\r\nHost: " + host + "\r\nConnection: close\r\nX-Amz-Date: 20260101T000000Z\r\n" + more + "\r\n"
}

// brokenCloud is broken for requests that are signed.
func brokenCloud(s service) *attack.Result {
	worksMu.Lock()
	defer worksMu.Unlock()
	r, known := works[s.host]
	if !known {
		r = attack.Inapplicable("there is no broker: nothing stands for a key in %s", s.variable)
		if s.placeholder() != "" {
			r = attack.Through("it works")
			id := s.placeholder() + "/20260101/eu-central-1/s3/aws4_request"
			got, err := exchange(s.host, cloudRequest(s, "/allowed/works", "", "Authorization: AWS4-HMAC-SHA256 Credential="+id+", SignedHeaders=host;x-amz-date, Signature=00\r\n"))
			if !strings.Contains(string(got), worksText) {
				r = attack.Failure("the broker does not sign: %v, %.200q", err, got)
			}
		}
		works[s.host] = r
	}
	if r.Verdict == attack.GotThrough {
		return nil
	}
	return &r
}
