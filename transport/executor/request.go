package executor

import (
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/hawser-mcp/hawser/internal/execproto"
	"github.com/hawser-mcp/hawser/internal/httprule"
	"github.com/hawser-mcp/hawser/transport"
)

// maxBody is the size in bytes of the largest request body that fits into one message to the
// executor.
const maxBody = (execproto.MaxMessage - maxHead) / 4 * 3

// maxHead is the space for everything in a message except the body, in bytes.
const maxHead = 1 << 20

// framing lists header fields that the executor sets itself, and fields that apply to only one
// connection.
var framing = map[string]bool{
	"Host": true, "Content-Length": true, "Transfer-Encoding": true, "Connection": true, "Keep-Alive": true,
	"Proxy-Connection": true, "Te": true, "Trailer": true, "Upgrade": true,
}

// call is a request converted to the executor's protocol.
type call struct {
	req     *http.Request
	msg     execproto.HTTPRequest
	waiter  waiter // its place among the exchanges that need a link
	fromEnv bool   // the executor adds the value of a header field
}

// newCall converts req and reads its body. The error is a [*transport.Error] of stage NotSent.
func (t *Transport) newCall(req *http.Request) (*call, error) {
	refuse := func(err error) error {
		e := transport.Failed(transport.NotSent, "send request", err) // an error from the user's code may quote a URL
		e.Permanent = true
		return e
	}
	if err := req.Context().Err(); err != nil {
		closeBody(req)
		return nil, transport.Canceled(req.Context(), transport.NotSent, "send request")
	}
	if err := transport.CheckRequest(req); err != nil {
		closeBody(req)
		return nil, refuse(err)
	}
	if req.URL.Opaque != "" {
		closeBody(req) // the URL's origin would be ambiguous
		return nil, refuse(errOpaque)
	}
	body, err := readBody(req, t.closing)
	switch {
	case err == nil:
	case req.Context().Err() != nil:
		return nil, transport.Canceled(req.Context(), transport.NotSent, "read request body")
	default:
		return nil, refuse(err)
	}
	c := &call{req: req, waiter: waiter{sharedStream: httprule.OpensStream(req.Method, req.Header)}}
	c.msg = execproto.HTTPRequest{Method: req.Method, URL: plainURL(req.URL), Body: body, Stop: true, Stream: true}
	c.msg.Method = cmp.Or(c.msg.Method, http.MethodGet)
	if err := c.setHeaders(t.fromEnv); err != nil {
		return nil, refuse(err)
	}
	return c, nil
}

var errOpaque = errors.New("the URL must not have an opaque part")

// plainURL returns u without its fragment and userinfo. The userinfo is sent as a header instead.
func plainURL(u *url.URL) string {
	plain := *u
	plain.User, plain.Fragment, plain.RawFragment = nil, "", ""
	return plain.String()
}

func (c *call) setHeaders(fromEnv []envHeader) error {
	h := c.req.Header
	headers := make([]execproto.Header, 0, len(h)+3)
	for name, values := range h {
		if framing[http.CanonicalHeaderKey(name)] {
			continue
		}
		for _, v := range values {
			if !utf8.ValidString(v) {
				return fmt.Errorf("the value of header field %s must be valid UTF-8", name)
			}
			headers = append(headers, execproto.Header{Name: name, Value: v})
		}
	}
	if u := c.req.URL.User; u != nil && !has(headers, "Authorization") {
		password, _ := u.Password()
		credentials := base64.StdEncoding.EncodeToString([]byte(u.Username() + ":" + password))
		headers = append(headers, execproto.Header{Name: "Authorization", Value: "Basic " + credentials})
	}
	for _, f := range fromEnv {
		if f.appliesTo(c.req) && !has(headers, f.Name) {
			headers = append(headers, execproto.Header{Name: f.Name, Value: f.Prefix, EnvVar: f.Variable})
			c.fromEnv = true
		}
	}
	if !has(headers, "Accept-Encoding") { // some executors ask for a coding of their own choice
		headers = append(headers, execproto.Header{Name: "Accept-Encoding", Value: "identity"})
	}
	slices.SortStableFunc(headers, func(a, b execproto.Header) int { return strings.Compare(a.Name, b.Name) })
	if host := c.req.Host; host != "" && host != c.req.URL.Host {
		headers = append(headers, execproto.Header{Name: "Host", Value: host})
	}
	if len(c.msg.Body) == 0 && wantsLength(c.msg.Method) {
		headers = append(headers, execproto.Header{Name: "Content-Length", Value: "0"})
	}
	c.msg.Headers = headers
	return nil
}

func has(headers []execproto.Header, name string) bool {
	return slices.ContainsFunc(headers, func(h execproto.Header) bool { return strings.EqualFold(h.Name, name) })
}

// wantsLength reports whether a request without content should have a Content-Length, according to
// RFC 9110 section 8.6.
func wantsLength(method string) bool {
	return method == http.MethodPost || method == http.MethodPut || method == http.MethodPatch
}

// frame returns the message for the executor. id identifies both the message and the response's
// body.
func (c *call) frame(id int64) (*[]byte, error) {
	c.msg.RequestID = strconv.FormatInt(id, 10)
	f := newFrame()
	*f = slices.Grow(*f, base64.StdEncoding.EncodedLen(len(c.msg.Body))+2048)
	*f = execproto.AppendHTTPRequest(*f, id, &c.msg)
	if n := len(*f); n > execproto.MaxMessage {
		freeFrame(f)
		return nil, fmt.Errorf("%w: message of %d bytes, limit %d", ErrTooLarge, n, execproto.MaxMessage)
	}
	return f, nil
}

func closeBody(req *http.Request) {
	if req.Body != nil {
		_ = req.Body.Close()
	}
}

// readBody reads the body of req and closes it. A Read of a body that is not in memory may block,
// so it runs on another goroutine. If the context or closing ends first, readBody closes the body
// and returns. A Read that still blocks then can only be ended by the caller's code.
func readBody(req *http.Request, closing context.Context) ([]byte, error) { //nolint:revive // the request's context is the first
	if req.Body == nil || req.Body == http.NoBody {
		return nil, nil
	}
	if req.ContentLength > maxBody {
		closeBody(req)
		return nil, fmt.Errorf("%w: body of %d bytes, limit %d", ErrTooLarge, req.ContentLength, maxBody)
	}
	if req.GetBody != nil {
		defer closeBody(req)
		return readLimited(req)
	}
	shut := sync.OnceFunc(func() { closeBody(req) })
	type result struct {
		body []byte
		err  error
	}
	read := make(chan result, 1)
	go func() {
		defer shut()
		body, err := readLimited(req)
		read <- result{body, err}
	}()
	select {
	case r := <-read:
		return r.body, r.err
	case <-req.Context().Done():
		go shut() // Close in the user's code may also block
		return nil, context.Cause(req.Context())
	case <-closing.Done():
		go shut()
		return nil, context.Cause(closing)
	}
}

func readLimited(req *http.Request) ([]byte, error) {
	if n := req.ContentLength; n > 0 {
		body := make([]byte, n+1) // one more byte, to detect a body that is too long
		switch k, err := io.ReadFull(req.Body, body); {
		case err == nil:
			return nil, fmt.Errorf("request body: longer than its ContentLength of %d bytes", n)
		case int64(k) < n || err != io.ErrUnexpectedEOF:
			return nil, fmt.Errorf("request body: %w", noEOF(err))
		}
		return body[:n], nil
	}
	body, err := io.ReadAll(io.LimitReader(req.Body, maxBody+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("request body: %w", err)
	case len(body) > maxBody:
		return nil, fmt.Errorf("%w: body over the limit of %d bytes", ErrTooLarge, maxBody)
	}
	return body, nil
}

func noEOF(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// HeaderFromEnv is a header field that the executor completes with the value of a variable in its
// own environment. It is sent to one origin only. If a request already has the field, the field is
// not changed. An Authorization field is also not added to a request that has credentials in its
// URL.
type HeaderFromEnv struct {
	Origin   string // scheme://host[:port], such as "https://mcp.example.com"
	Name     string // field name, such as "Authorization"
	Prefix   string // text before the variable's value, such as "Bearer "
	Variable string // name of a variable in the executor's environment
}

var errNoEnvHeaders = errors.New("the executor cannot fill header fields from its environment")

// envHeader is a HeaderFromEnv with a parsed origin.
type envHeader struct {
	HeaderFromEnv
	origin *url.URL
}

// parse checks f and returns it with a parsed origin.
func (f HeaderFromEnv) parse() (envHeader, error) {
	u, err := url.Parse(f.Origin)
	switch {
	case err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https"),
		u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "":
		return envHeader{}, fmt.Errorf("executor: HeadersFromEnv: the origin of %q must be scheme://host", f.Name)
	case !httprule.IsToken(f.Name) || !httprule.IsFieldValue(f.Prefix) || framing[http.CanonicalHeaderKey(f.Name)] || f.Variable == "":
		return envHeader{}, fmt.Errorf("executor: HeadersFromEnv: field %q must have a valid name and a variable", f.Name)
	}
	return envHeader{f, u}, nil
}

// appliesTo reports whether the field may be sent with req.
func (h envHeader) appliesTo(req *http.Request) bool {
	return httprule.SameOrigin(h.origin, req.URL) && (req.Host == "" || req.Host == req.URL.Host)
}
