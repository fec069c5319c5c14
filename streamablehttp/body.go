package streamablehttp

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"strings"
	"sync"
	"time"
)

// pooledMax is the largest buffer kept for the next reply, in bytes. A larger buffer is left to the
// garbage collector.
const pooledMax = 4 << 20

// bufferPool holds *[]byte buffers that no call is using.
var bufferPool = sync.Pool{New: func() any { b := make([]byte, 0, 4<<10); return &b }}

func putBuffer(b *[]byte) {
	if cap(*b) <= pooledMax {
		*b = (*b)[:0]
		bufferPool.Put(b)
	}
}

// errTooLong is returned by readAll for a body over the limit.
var errTooLong = errors.New("longer than the limit")

// readAll reads src to its end into a pooled buffer. length is the expected length, or −1 if it is
// unknown.
func readAll(src io.Reader, length, limit int64) (*[]byte, error) {
	if length > limit {
		return nil, errTooLong
	}
	pooled := bufferPool.Get().(*[]byte)
	buf := (*pooled)[:0]
	if need := min(length, 1<<20) + 1; int64(cap(buf)) < need { // trust a declared length only up to 1 MiB
		buf = make([]byte, 0, need)
	}
	for {
		if len(buf) == cap(buf) {
			grown := make([]byte, len(buf), grownCap(cap(buf), limit))
			copy(grown, buf)
			buf = grown
		}
		n, err := src.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		if int64(len(buf)) > limit {
			*pooled = buf
			putBuffer(pooled)
			return nil, errTooLong
		}
		if err != nil {
			*pooled = buf
			if err == io.EOF {
				return pooled, nil
			}
			putBuffer(pooled)
			return nil, err
		}
	}
}

// grownCap doubles the size of a buffer, up to one byte over the limit.
func grownCap(size int, limit int64) int {
	if int64(size) >= limit/2 && int64(size) <= limit {
		return int(min(limit, math.MaxInt-1)) + 1
	}
	return 2 * size
}

// decoded returns a reader of the decompressed body. It decodes gzip even if the client did not
// request it: some servers and gateways compress everything, and an executor may decode gzip before
// we see it. The limits apply to the decoded bytes. Any other content encoding is an error.
func (c *Conn) decoded(resp *http.Response) (io.Reader, error) {
	encoding := strings.TrimSpace(resp.Header.Get("Content-Encoding"))
	switch {
	case encoding == "" || strings.EqualFold(encoding, "identity"):
		return resp.Body, nil
	case strings.EqualFold(encoding, "gzip") || strings.EqualFold(encoding, "x-gzip"):
		resp.ContentLength = -1
		return &gzipBody{src: resp.Body}, nil
	}
	return nil, &ProtocolError{
		Reason: fmt.Sprintf("content encoding %q is not supported, expected none or gzip", shown(c, resp, encoding, 64)), Status: resp.StatusCode,
	}
}

// gzipBody decompresses a body. It reads the gzip header on the first Read, because the header may
// arrive long after the response header.
type gzipBody struct {
	src io.Reader
	zr  *gzip.Reader
}

func (g *gzipBody) Read(p []byte) (int, error) {
	if g.zr == nil {
		zr, err := gzip.NewReader(g.src)
		if err != nil {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return 0, err
		}
		g.zr = zr
	}
	return g.zr.Read(p)
}

// errorBody reads the beginning of an error reply and reports whether text is the whole body. It
// never fails: the status is already known, so a truncated, endless or slow body costs only a
// bounded wait.
func (c *Conn) errorBody(resp *http.Response) (text []byte, whole bool) {
	defer c.discard(resp)
	body, err := c.decoded(resp)
	if err != nil {
		return nil, false
	}
	watchdog := time.AfterFunc(errorBodyTime, func() { _ = resp.Body.Close() })
	defer watchdog.Stop()
	text, err = io.ReadAll(io.LimitReader(body, maxErrorBody)) // after a read error, show what was read before
	return text, err == nil && len(text) < maxErrorBody
}

// preview reads the beginning of a reply for use in an error.
func (c *Conn) preview(resp *http.Response) string {
	text, _ := c.errorBody(resp)
	return shown(c, resp, text, previewLimit)
}

// discard closes the body without reading the rest, so the connection may not be reused.
func (c *Conn) discard(resp *http.Response) { _ = resp.Body.Close() }
