package transport_test

import (
	"crypto/tls"
	"encoding/binary"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// Frame types, flags and error codes of RFC 9113 that the peer needs.
const (
	frameData      = 0x0
	frameHeaders   = 0x1
	frameRSTStream = 0x3
	frameSettings  = 0x4
	frameGoAway    = 0x7

	flagAck        = 0x1
	flagEndStream  = 0x1
	flagEndHeaders = 0x4

	codeProtocol = 0x1
	codeRefused  = 0x7

	prefaceLen     = 24
	frameHeaderLen = 9
)

// h2Peer is an HTTP/2 server of a few frames, which can answer a whole request
// in ways net/http's server never would.
type h2Peer struct {
	URL      string
	executed atomic.Int32 // requests that arrived whole

	answer func(c *h2Conn, stream uint32, execution int32)
}

type h2Conn struct{ net.Conn }

func (c *h2Conn) frame(kind, flags byte, stream uint32, payload ...byte) {
	buf := make([]byte, frameHeaderLen, frameHeaderLen+len(payload))
	binary.BigEndian.PutUint32(buf, uint32(len(payload))<<8|uint32(kind))
	buf[4] = flags
	binary.BigEndian.PutUint32(buf[5:], stream)
	_, _ = c.Write(append(buf, payload...))
}

func (c *h2Conn) resetStream(stream, code uint32) {
	c.frame(frameRSTStream, 0, stream, binary.BigEndian.AppendUint32(nil, code)...)
}

// goAway says that no stream after last was or will be looked at.
func (c *h2Conn) goAway(last uint32) {
	c.frame(frameGoAway, 0, 0, binary.BigEndian.AppendUint64(nil, uint64(last)<<32)...)
}

// ok answers 200 without a body: 0x88 is ":status: 200" in HPACK's static table.
func (c *h2Conn) ok(stream uint32) {
	c.frame(frameHeaders, flagEndHeaders|flagEndStream, stream, 0x88)
}

func newH2Peer(t *testing.T, answer func(c *h2Conn, stream uint32, execution int32)) *h2Peer {
	t.Helper()
	srv := httptest.NewTLSServer(http.NotFoundHandler())
	certificates := srv.TLS.Certificates
	srv.Close()
	ln, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: certificates, NextProtos: []string{"h2"}})
	require.NoError(t, err)
	p := &h2Peer{URL: "https://" + ln.Addr().String(), answer: answer}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer c.Close()
				p.serve(&h2Conn{c})
			})
		}
	})
	t.Cleanup(func() { _ = ln.Close(); wg.Wait() })
	return p
}

func (p *h2Peer) serve(c *h2Conn) {
	if _, err := io.CopyN(io.Discard, c, prefaceLen); err != nil {
		return
	}
	c.frame(frameSettings, 0, 0)
	head := make([]byte, frameHeaderLen)
	for {
		if _, err := io.ReadFull(c, head); err != nil {
			return
		}
		length := int64(binary.BigEndian.Uint32(head) >> 8)
		if _, err := io.CopyN(io.Discard, c, length); err != nil {
			return
		}
		kind, flags, stream := head[3], head[4], binary.BigEndian.Uint32(head[5:])
		switch {
		case kind == frameSettings && flags&flagAck == 0:
			c.frame(frameSettings, flagAck, 0)
		case (kind == frameHeaders || kind == frameData) && flags&flagEndStream != 0:
			p.answer(c, stream, p.executed.Add(1))
		}
	}
}
