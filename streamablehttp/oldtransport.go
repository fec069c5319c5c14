package streamablehttp

import (
	"context"
	"errors"
	"net/http"

	"github.com/hawser-mcp/hawser/internal/sse"
)

// ErrOldTransport is the cause of the [*ProtocolError] if the endpoint uses the HTTP+SSE transport
// of 2024-11-05. Streams of that transport begin with an event named "endpoint".
var ErrOldTransport = errors.New("the endpoint speaks the old HTTP+SSE transport (2024-11-05), which is not supported: " +
	"use the server's URL for Streamable HTTP, often the same with /mcp instead of /sse")

// eventEndpoint is the name of the first event of the old transport.
const eventEndpoint = "endpoint"

// maxOldEvent bounds the first event of a stream of the old transport, in bytes.
const maxOldEvent = 8 << 10

// IsOldTransport reports whether a GET opens a stream of the old HTTP+SSE transport (2025-11-25,
// "Backwards Compatibility"). It waits for the first event until ctx ends.
func (c *Conn) IsOldTransport(ctx context.Context) bool {
	s := c.NewSession("", "", false)
	resp, err := c.roundTrip(ctx, &sending{method: http.MethodGet, header: s.getHeader(0)})
	if err != nil {
		return false
	}
	defer c.discard(resp)
	if replyKind(resp) != replyStream {
		return false
	}
	stop := context.AfterFunc(ctx, func() { c.discard(resp) })
	defer stop()
	body, err := c.decoded(resp)
	if err != nil {
		return false
	}
	ev, err := sse.NewReader(body, maxOldEvent).Next()
	return err == nil && string(ev.Name) == eventEndpoint
}
