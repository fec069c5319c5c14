package peer

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/hawser-mcp/hawser/internal/execproto"
	"github.com/hawser-mcp/hawser/internal/link"
)

// Exchange is the HTTP method and URL of an http/request message.
type Exchange struct{ Method, URL string }

// Relay sits between a client and an executor's WebSocket. It forwards every byte unchanged, counts
// the requests to the executor, and can cut links. It is safe for concurrent use.
type Relay struct {
	// URL is the address that the client dials.
	URL string

	tb       testing.TB
	target   string
	listener net.Listener
	running  sync.WaitGroup

	mu        sync.Mutex
	closed    bool
	links     map[*net.TCPConn]struct{} // the client's ends
	dialed    int
	exchanges map[Exchange]int
}

// StartRelay starts a Relay to the executor at a URL such as [Executor.URL]. It is closed at the
// end of the test. While the executor is down, a link that a client dials ends immediately.
func StartRelay(tb testing.TB, executorURL string) *Relay {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatalf("peer: %v", err)
	}
	r := &Relay{
		URL: "ws://" + l.Addr().String(), tb: tb, target: strings.TrimPrefix(executorURL, "ws://"), listener: l,
		links: map[*net.TCPConn]struct{}{}, exchanges: map[Exchange]int{},
	}
	r.running.Go(r.accept)
	tb.Cleanup(r.close)
	return r
}

// Exchanges returns how often each http/request was sent to the executor. The relay counts a
// request before the executor can receive it.
func (r *Relay) Exchanges() map[Exchange]int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.exchanges)
}

// Count returns how many requests with this method and URL were sent to the executor.
func (r *Relay) Count(method, url string) int { return r.Exchanges()[Exchange{method, url}] }

// Links returns the number of open links.
func (r *Relay) Links() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.links)
}

// Dialed returns the number of links dialed so far.
func (r *Relay) Dialed() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.dialed
}

// Cut resets all open links without a close handshake. The client can dial new ones.
func (r *Relay) Cut() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for c := range r.links {
		_, _ = c.SetLinger(0), c.Close() // fails only if the link has just ended
	}
}

func (r *Relay) close() {
	_ = r.listener.Close()
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	r.Cut()
	r.running.Wait()
}

func (r *Relay) accept() {
	for {
		c, err := r.listener.Accept()
		if err != nil {
			if !errors.Is(err, net.ErrClosed) {
				r.tb.Errorf("peer: relay: %v", err)
			}
			return
		}
		near, ok := c.(*net.TCPConn)
		if ok && r.opened(near) {
			r.running.Go(func() { r.carry(near) })
		} else {
			_ = c.Close()
		}
	}
}

// opened records a link. It returns false if the relay is closed.
func (r *Relay) opened(near *net.TCPConn) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.closed {
		r.links[near] = struct{}{}
		r.dialed++
	}
	return !r.closed
}

// carry relays one link until either side ends it.
func (r *Relay) carry(near *net.TCPConn) {
	defer func() {
		_ = near.Close()
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.links, near)
	}()
	nc, err := new(net.Dialer).DialContext(r.tb.Context(), "tcp", r.target)
	if err != nil {
		return
	}
	far := link.NewConn(nc) // sends TCP acknowledgements immediately; otherwise the executor would wait for them
	far.HandshakeDone()
	r.running.Go(func() {
		_, _ = io.Copy(near, far)
		_ = near.Close()
	})
	var broken *net.OpError
	err = r.forward(far, bufio.NewReader(near))
	if err != io.EOF && err != io.ErrUnexpectedEOF && !errors.As(err, &broken) {
		r.tb.Errorf("peer: relay: cannot read the client's data: %v", err)
	}
	_ = far.Close()
}

// forward forwards the client's data and counts requests until the link ends.
func (r *Relay) forward(far io.Writer, near *bufio.Reader) error {
	for line := ""; line != "\r\n"; { // the HTTP upgrade request
		var err error
		if line, err = near.ReadString('\n'); err != nil {
			return err
		}
		if _, err = io.WriteString(far, line); err != nil {
			return err
		}
	}
	var message []byte
	for {
		f, err := readFrame(near)
		if err != nil {
			return err
		}
		if !f.isControl() {
			message = append(message, f.payload...)
			if f.isLast() {
				if err := r.count(message); err != nil {
					return err
				}
				message = message[:0]
			}
		}
		if _, err := far.Write(f.raw); err != nil {
			return err
		}
	}
}

// warmUpURL is the URL of the request that warms a link. It leads nowhere.
const warmUpURL = "http://127.0.0.1:0/"

// count counts a message to the executor if it is an http/request and not a warm-up.
func (r *Relay) count(message []byte) error {
	var m execproto.Message
	if err := m.Read(message); err != nil {
		return fmt.Errorf("%w: %.200q", err, message)
	}
	if m.Kind != execproto.Request || m.Method != execproto.MethodHTTPRequest {
		return nil
	}
	request, err := execproto.ReadHTTPRequest(m.Params)
	if err != nil {
		return nil // the executor refuses the message, so there is no exchange
	}
	if request.URL == warmUpURL {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.exchanges[Exchange{request.Method, request.URL}]++
	return nil
}

// frame is a frame of a client (RFC 6455 section 5.2).
type frame struct {
	raw     []byte // as received
	payload []byte // unmasked
}

func (f frame) isControl() bool { return f.raw[0]&0x08 != 0 }
func (f frame) isLast() bool    { return f.raw[0]&0x80 != 0 }

func readFrame(r *bufio.Reader) (frame, error) {
	const masked, mask = 0x80, 4
	raw := make([]byte, 2, 2+8+mask)
	if _, err := io.ReadFull(r, raw); err != nil {
		return frame{}, err
	}
	if raw[1]&masked == 0 {
		return frame{}, errors.New("the client's frame is not masked")
	}
	length := uint64(raw[1] &^ masked)
	extended := map[uint64]int{126: 2, 127: 8}[length] // length in bytes of the extended length field
	header := len(raw) + extended + mask
	raw = append(raw, make([]byte, extended+mask)...)
	if _, err := io.ReadFull(r, raw[2:]); err != nil {
		return frame{}, err
	}
	switch extended {
	case 2:
		length = uint64(binary.BigEndian.Uint16(raw[2:]))
	case 8:
		length = binary.BigEndian.Uint64(raw[2:])
	}
	if length > execproto.MaxMessage {
		return frame{}, fmt.Errorf("frame of %d bytes", length)
	}
	raw = append(raw, make([]byte, length)...)
	if _, err := io.ReadFull(r, raw[header:]); err != nil {
		return frame{}, err
	}
	payload := bytes.Clone(raw[header:])
	for i := range payload {
		payload[i] ^= raw[header-mask+i%mask]
	}
	return frame{raw, payload}, nil
}
