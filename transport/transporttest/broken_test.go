package transporttest

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"

	"github.com/hawser-mcp/hawser/transport"
)

// broken is a transport with one fault. Its Close closes the base, so nothing is left after the
// test.
type broken struct {
	transport.Transport
	roundTrip func(base http.RoundTripper, req *http.Request) (*http.Response, error)
	close     func(base io.Closer) error
}

func (b *broken) RoundTrip(req *http.Request) (*http.Response, error) {
	if b.roundTrip == nil {
		return b.Transport.RoundTrip(req)
	}
	return b.roundTrip(b.Transport, req)
}

func (b *broken) Close() error {
	if b.close == nil {
		return b.Transport.Close()
	}
	return b.close(b.Transport)
}

// brokenBody changes Read or Close of a body.
type brokenBody struct {
	io.ReadCloser
	read  func(body io.Reader, p []byte) (int, error)
	close func(body io.ReadCloser) error
}

func (b *brokenBody) Read(p []byte) (int, error) {
	if b.read == nil {
		return b.ReadCloser.Read(p)
	}
	return b.read(b.ReadCloser, p)
}

func (b *brokenBody) Close() error {
	if b.close == nil {
		return b.ReadCloser.Close()
	}
	return b.close(b.ReadCloser)
}

type roundTrip = func(http.RoundTripper, *http.Request) (*http.Response, error)

// onResponse returns a faulty roundTrip that passes each response through f.
func onResponse(f func(*http.Response) (*http.Response, error)) roundTrip {
	return func(base http.RoundTripper, req *http.Request) (*http.Response, error) {
		resp, err := base.RoundTrip(req)
		if err != nil {
			return nil, err
		}
		return f(resp)
	}
}

func onRead(f func(io.Reader, []byte) (int, error)) roundTrip {
	return onResponse(func(resp *http.Response) (*http.Response, error) {
		resp.Body = &brokenBody{ReadCloser: resp.Body, read: f}
		return resp, nil
	})
}

func onClose(f func(io.ReadCloser) error) roundTrip {
	return onResponse(func(resp *http.Response) (*http.Response, error) {
		resp.Body = &brokenBody{ReadCloser: resp.Body, close: f}
		return resp, nil
	})
}

// onError returns a faulty roundTrip that passes each error of RoundTrip through f.
func onError(f func(*http.Request, error) (*http.Response, error)) roundTrip {
	return func(base http.RoundTripper, req *http.Request) (*http.Response, error) {
		resp, err := base.RoundTrip(req)
		if err != nil {
			return f(req, err)
		}
		return resp, nil
	}
}

func deaf(base http.RoundTripper, req *http.Request) (*http.Response, error) {
	out := req.WithContext(context.WithoutCancel(req.Context()))
	resp, err := base.RoundTrip(out)
	if err == nil {
		resp.Request = req
	}
	return resp, err
}

func losesTheCause(err error) error {
	for _, known := range []error{context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, known) {
			return fmt.Errorf("gave up: %w", known)
		}
	}
	return err
}

func readsWithoutTheCause(body io.Reader, p []byte) (int, error) {
	n, err := body.Read(p)
	if err != nil {
		err = losesTheCause(err)
	}
	return n, err
}

func readsEOFOnCut(body io.Reader, p []byte) (int, error) {
	n, err := body.Read(p)
	if err != nil {
		err = io.EOF
	}
	return n, err
}

// waitsOnClose makes Close of the body wait for the peer, which never acts.
func waitsOnClose(resp *http.Response) (*http.Response, error) {
	ctx := resp.Request.Context()
	resp.Body = &brokenBody{ReadCloser: resp.Body, close: func(body io.ReadCloser) error {
		<-ctx.Done()
		return body.Close()
	}}
	return resp, nil
}

// oneAtATime starts an exchange only after the body of the previous one was closed.
func oneAtATime() roundTrip {
	link := make(chan struct{}, 1)
	return func(base http.RoundTripper, req *http.Request) (*http.Response, error) {
		select {
		case link <- struct{}{}:
		case <-req.Context().Done():
			return nil, req.Context().Err()
		}
		resp, err := base.RoundTrip(req)
		if err != nil {
			<-link
			return nil, err
		}
		free := sync.OnceFunc(func() { <-link })
		resp.Body = &brokenBody{ReadCloser: resp.Body, close: func(body io.ReadCloser) error {
			defer free()
			return body.Close()
		}}
		return resp, nil
	}
}

func addsHeader(base http.RoundTripper, req *http.Request) (*http.Response, error) {
	req.Header.Set("X-Added", "by the transport")
	return base.RoundTrip(req)
}

func leavesTheBodyOpen(base http.RoundTripper, req *http.Request) (*http.Response, error) {
	out := req.Clone(req.Context())
	out.Body = io.NopCloser(req.Body)
	resp, err := base.RoundTrip(out)
	if err == nil {
		resp.Request = req
	}
	return resp, err
}

func statusAsError(resp *http.Response) (*http.Response, error) {
	if resp.StatusCode < 500 {
		return resp, nil
	}
	_ = resp.Body.Close()
	return nil, errors.New(resp.Status)
}

func followsRedirects(base http.RoundTripper, req *http.Request) (*http.Response, error) {
	resp, err := (&http.Client{Transport: base}).Do(req)
	if err == nil {
		resp.Request = req
	}
	return resp, err
}

// crossesReplies gives each exchange the body of the previous one.
func crossesReplies() roundTrip {
	var mu sync.Mutex
	var last []byte
	return onResponse(func(resp *http.Response) (*http.Response, error) {
		if resp.Request.URL.Path != "" {
			return resp, nil
		}
		data, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		mu.Lock()
		defer mu.Unlock()
		data, last = last, data
		resp.Body = io.NopCloser(bytes.NewReader(data))
		return resp, err
	})
}

func decodesGzip(resp *http.Response) (*http.Response, error) {
	zr, err := gzip.NewReader(resp.Body)
	if err != nil {
		return nil, err
	}
	resp.Body = &brokenBody{ReadCloser: resp.Body, read: func(_ io.Reader, p []byte) (int, error) { return zr.Read(p) }}
	resp.Header.Del("Content-Encoding")
	return resp, nil
}

func asksFor(coding string) func(http.RoundTripper, *http.Request) (*http.Response, error) {
	return func(base http.RoundTripper, req *http.Request) (*http.Response, error) {
		out := req.Clone(req.Context())
		out.Header.Set("Accept-Encoding", coding)
		resp, err := base.RoundTrip(out)
		if err == nil {
			resp.Request = req
		}
		return resp, err
	}
}
