package transporttest

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"sync/atomic"

	"github.com/hawser-mcp/hawser/transport"
)

// ErrFault is wrapped by every error that a test double makes.
var ErrFault = errors.New("fault made for a test")

// Refusing does not send requests at first. RoundTrip fails with stage [transport.NotSent] for the
// first Times calls. Later calls go to Base. Refusing is safe for concurrent use.
type Refusing struct {
	Base  http.RoundTripper
	Times int64

	failed atomic.Int64
}

// RoundTrip implements [http.RoundTripper].
func (d *Refusing) RoundTrip(req *http.Request) (*http.Response, error) {
	if d.failed.Add(1) > d.Times {
		return d.Base.RoundTrip(req)
	}
	if req.Body != nil {
		_ = req.Body.Close()
	}
	return nil, &transport.Error{Stage: transport.NotSent, Op: "connect", Err: ErrFault}
}

// LosingReplies sends requests and loses the responses. RoundTrip fails with stage
// [transport.MaybeSent], although the server executed the request. After Times such failures, it
// returns Base's responses. LosingReplies is safe for concurrent use.
type LosingReplies struct {
	Base  http.RoundTripper
	Times int64

	failed atomic.Int64
}

// RoundTrip implements [http.RoundTripper].
func (d *LosingReplies) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := d.Base.RoundTrip(req)
	if err != nil || d.failed.Add(1) > d.Times {
		return resp, err
	}
	_ = resp.Body.Close()
	return nil, &transport.Error{Stage: transport.MaybeSent, Op: "round trip", Err: ErrFault}
}

// CuttingBodies passes the first After bytes of each body, and then fails the Read, as a lost link
// does. A shorter body ends normally.
type CuttingBodies struct {
	Base  http.RoundTripper
	After int64
}

// RoundTrip implements [http.RoundTripper].
func (d *CuttingBodies) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := d.Base.RoundTrip(req)
	if err == nil {
		resp.Body = &cutBody{ReadCloser: resp.Body, left: d.After}
	}
	return resp, err
}

type cutBody struct {
	io.ReadCloser
	left int64
}

func (b *cutBody) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, &transport.Error{Stage: transport.MaybeSent, Op: "read body", Err: ErrFault}
	}
	n, err := b.ReadCloser.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, err
}

// Buffering reads the whole body before it returns the response, as some proxies do. If the body is
// an endless stream, RoundTrip never returns a response.
type Buffering struct{ Base http.RoundTripper }

// RoundTrip implements [http.RoundTripper].
func (d *Buffering) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := d.Base.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if err != nil {
		return nil, err
	}
	resp.Body = io.NopCloser(bytes.NewReader(data))
	return resp, nil
}
