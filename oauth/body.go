package oauth

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"time"
)

const (
	maxReplayBody  = 1 << 20         // maximum size in bytes of a request body that is kept in memory for resending
	maxRefusedBody = 64 << 10        // maximum size in bytes of a refusal's body that is kept for the caller
	refusedTimeout = 2 * time.Second // for reading the body of a refusal
)

// bodies prepares a request for resending. first is the body for the first attempt. again returns
// the body for each further attempt. again is nil if the request can be sent only once. If the
// request has no GetBody, bodies reads a small body of known length into memory.
func bodies(req *http.Request) (first io.ReadCloser, again func() (io.ReadCloser, error), err error) {
	switch {
	case req.Body == nil || req.Body == http.NoBody:
		body := req.Body
		return body, func() (io.ReadCloser, error) { return body, nil }, nil
	case req.GetBody != nil:
		return req.Body, req.GetBody, nil
	case req.ContentLength <= 0 || req.ContentLength > maxReplayBody:
		return req.Body, nil, nil
	}
	text, err := io.ReadAll(io.LimitReader(req.Body, req.ContentLength+1))
	closeBody(req)
	switch {
	case err != nil:
		return nil, nil, err
	case int64(len(text)) != req.ContentLength:
		return nil, nil, errors.New("the length of the request body differs from ContentLength")
	}
	again = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(text)), nil }
	first, _ = again()
	return first, again, nil
}

func closeBody(req *http.Request) {
	if req.Body != nil {
		_ = req.Body.Close() // the request is not sent, so its error does not matter
	}
}

// detach reads the body of a refusal into memory. An unread body would hold a connection that may
// be needed to obtain a token.
func detach(resp *http.Response) {
	if resp.Body == nil || resp.Body == http.NoBody {
		resp.Body = http.NoBody
		return
	}
	body := resp.Body
	timer := time.AfterFunc(refusedTimeout, func() { _ = body.Close() }) // ends a Read that takes too long
	text, err := io.ReadAll(io.LimitReader(body, maxRefusedBody+1))
	timer.Stop()
	_ = body.Close() // the rest is dropped
	if err == nil && len(text) > maxRefusedBody {
		text, err = text[:maxRefusedBody], errors.New("oauth: the body of the refusal is longer than 64 KiB")
	}
	resp.Body = &detached{Reader: bytes.NewReader(text), text: text, err: err}
}

// detached is a response body in memory. It ends with err, or with io.EOF if err is nil.
type detached struct {
	*bytes.Reader

	text []byte
	err  error
}

// mayHaveRun reports whether a refusal whose body is detached holds more than a reason: an event
// stream, or the result of the request (JSON-RPC 2.0 section 5). The resource may then have run the
// request, so it must not be sent again.
func mayHaveRun(resp *http.Response) bool {
	d, ok := resp.Body.(*detached)
	if !ok {
		return false
	}
	media, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")) // an invalid one is no event stream
	var reply struct {
		Version json.RawMessage `json:"jsonrpc"`
		Result  json.RawMessage `json:"result"`
	}
	isReply := json.Unmarshal(d.text, &reply) == nil && reply.Version != nil
	return media == "text/event-stream" && len(d.text) > 0 || isReply && reply.Result != nil
}

// Read implements io.Reader.
func (d *detached) Read(p []byte) (int, error) {
	n, err := d.Reader.Read(p)
	if err == io.EOF && d.err != nil {
		err = d.err
	}
	return n, err
}

// Close implements io.Closer.
func (d *detached) Close() error { return nil }
