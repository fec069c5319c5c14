package transport

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"

	"github.com/hawser-mcp/hawser/internal/httprule"
	"github.com/hawser-mcp/hawser/internal/redact"
)

// maxErrorText bounds the text of an error, in bytes, because the text may quote a peer.
const maxErrorText = 1 << 10

var errBadProxy = errors.New("the environment's proxy setting is not a valid URL")

// permanent reports whether err means that a retry of the same request would fail in the same way.
func permanent(err error) bool {
	var (
		dns    *net.DNSError
		addr   *net.AddrError
		verify *tls.CertificateVerificationError
		own    *verificationError
		record tls.RecordHeaderError
		guard  *guardError
	)
	switch {
	case errors.Is(err, ErrClosed), errors.Is(err, errBadProxy):
		return true
	case errors.As(err, &dns):
		return dns.IsNotFound
	case errors.As(err, &addr), errors.As(err, &verify), errors.As(err, &own), errors.As(err, &guard):
		return true
	case errors.As(err, &record):
		return true // the server on that port does not speak TLS
	}
	return false
}

// verificationError is an error returned by the user's TLS callbacks.
type verificationError struct{ err error }

func (e *verificationError) Error() string { return e.err.Error() }
func (e *verificationError) Unwrap() error { return e.err }

// markVerification wraps the callbacks in cfg, which make their errors verificationErrors.
func markVerification(cfg *tls.Config) {
	if f := cfg.VerifyConnection; f != nil {
		cfg.VerifyConnection = func(cs tls.ConnectionState) error { return asVerification(f(cs)) }
	}
	if f := cfg.VerifyPeerCertificate; f != nil {
		cfg.VerifyPeerCertificate = func(raw [][]byte, chains [][]*x509.Certificate) error {
			return asVerification(f(raw, chains))
		}
	}
}

func asVerification(err error) error {
	if err == nil {
		return nil
	}
	return &verificationError{err}
}

// contextError wraps both the cause of an ended context and the context's Err. It is used only if
// the cause wraps neither context.Canceled nor context.DeadlineExceeded.
type contextError struct{ cause, err error }

func (e *contextError) Error() string   { return e.cause.Error() }
func (e *contextError) Unwrap() []error { return []error{e.cause, e.err} }

// contextCause returns the error of an ended context. It wraps the context's cause and its Err.
func contextCause(ctx context.Context) error {
	cause, err := context.Cause(ctx), ctx.Err()
	if errors.Is(cause, err) {
		return cause
	}
	return &contextError{cause, err}
}

// clean returns err in a form that is safe to display. io.EOF becomes io.ErrUnexpectedEOF, because
// a truncated response must not look complete. If a URL in the text holds a secret, the result has
// only the scrubbed text: the errors that err wraps may hold the secret too. Otherwise the result
// still wraps err, and its text has no control characters.
func clean(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	text := err.Error()
	scrubbed := scrub(text)
	switch shown := Scrub(text); {
	case scrubbed != text:
		return errors.New(shown)
	case shown != text:
		return redact.Reworded(err, shown)
	}
	return err
}

// scrub removes query, fragment and userinfo from every URL in s and bounds the length of s.
func scrub(s string) string {
	const scheme = "://"
	var out strings.Builder
	rest := s
	for {
		before, after, found := strings.Cut(rest, scheme)
		out.WriteString(before)
		if !found {
			break
		}
		out.WriteString(scheme)
		end := strings.IndexAny(after, " \t\r\n\"'<>")
		if end < 0 {
			end = len(after)
		}
		u := after[:end]
		rest = after[end:]
		if strings.Contains(u, "@") {
			// A password may contain '/' or '?', so its end is unknown.
			out.WriteString("[redacted]")
			continue
		}
		if i := strings.IndexAny(u, "?#"); i >= 0 {
			u = u[:i]
		}
		out.WriteString(u)
	}
	return redact.Shorten(out.String(), maxErrorText)
}

// invalidRequest reports whether net/http refuses req before it looks for a connection. It is
// called only after a failure, to keep valid requests fast.
func invalidRequest(req *http.Request) bool {
	if req.URL == nil || req.Header == nil || req.URL.Host == "" {
		return true
	}
	if s := req.URL.Scheme; s != "http" && s != "https" {
		return true
	}
	if req.Method != "" && !httprule.IsToken(req.Method) {
		return true
	}
	return invalidHeader(req.Header) || invalidHeader(req.Trailer)
}

// invalidHeader reports whether a header field is invalid according to RFC 9110, sections 5.1 and
// 5.5.
func invalidHeader(h http.Header) bool {
	for name, values := range h {
		if !httprule.IsToken(name) || slices.ContainsFunc(values, func(v string) bool { return !httprule.IsFieldValue(v) }) {
			return true
		}
	}
	return false
}
