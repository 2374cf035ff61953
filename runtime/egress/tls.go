package egress

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/jailed-claude/jailed-claude/runtime/egress/hello"
	"github.com/jailed-claude/jailed-claude/runtime/egress/report"
	"github.com/jailed-claude/jailed-claude/spec/network"
)

// httpsPort is where a TLS client has to show the name.
const httpsPort = 443

// checkTLS makes sure that a TLS client names, in clear, the very host that
// the rules were asked about: what stands behind the address of an allowed
// name may serve others as well. It reads the ClientHello and no further, and
// decrypts nothing.
func (s *Session) checkTLS(k *link, r *request) *refusal {
	if s.config.Mode != network.Filtered || s.config.TLS != network.TLSStrict || r.port != httpsPort || r.name == "" || r.name == network.HostName {
		return nil
	}
	// The client begins when it has been told that it is connected.
	if err := r.accept(); err != nil {
		return fail("proxy: " + err.Error())
	}
	_ = k.in.SetDeadline(time.Now().Add(s.limits.handshake))
	early := bytes.NewReader(r.raw)
	h, raw, err := hello.Read(io.MultiReader(early, k.in))
	_ = k.in.SetDeadline(time.Time{})
	r.raw = append(raw, r.raw[len(r.raw)-early.Len():]...) // what stands behind the ClientHello, too
	switch {
	case errors.Is(err, hello.ErrNotTLS):
		return deny(`not TLS (network.tls = "strict")`, "")
	case err != nil:
		return fail("no ClientHello: " + err.Error())
	case h.ECH:
		return deny(report.WhyECH, "")
	case h.ServerName == "":
		return deny(`TLS without a server name (network.tls = "strict")`, "")
	}
	name, ok := network.Normal(h.ServerName)
	if ok && r.at.IsValid() && s.told.Is(r.at, name, r.port, s.rules.Now()) {
		r.name, r.rule = name, s.rules.Now().Connect(name, r.port).Rule // of those that share the address
	}
	if !ok || name != r.name {
		return deny(fmt.Sprintf("the TLS server name is %q", h.ServerName), "")
	}
	return nil
}
