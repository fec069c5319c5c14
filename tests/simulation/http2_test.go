package simulation_test

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// wayHTTP2 is the value of History.Way for HTTP/2: the session uses a Direct transport, and a
// gateway is in front of the server. A network fault affects all streams of a connection. A server
// fault affects a single stream. Notes on the invariants and oracles:
//
//   - If a connection breaks, the calls on it may fail, as over HTTP/1.1. Direct cannot report NotSent
//     for a request that had a connection. In refusedDials, a request whose dial is refused has no
//     connection, because GOAWAY ended the previous one.
//   - GOAWAY affects no call. Its oracle is windUp. The oracle for broken executor links is not used,
//     because there are no executors.
//   - A fault must not stop fake time: if a peer reads nothing, net/http waits for a mutex, which
//     synctest does not count as durably blocked.
const wayHTTP2 = "h2"

// TestHTTP2 plays a few seeds over HTTP/2; "TestSeeds -way h2" plays more.
func TestHTTP2(t *testing.T) {
	newPlaying(t, wayHTTP2).seeds(1, 25)
}

// generateHTTP2 draws the history of a seed over HTTP/2. The same seed gives other choices than in
// generate.
func generateHTTP2(seed uint64) *History {
	d := dice{rand.New(rand.NewPCG(seed, 29))}
	var h *History
	switch d.IntN(12) {
	case 0, 1, 2:
		h = d.profile()
	case 3:
		h = d.quiet()
		d.cutRefusals(h)
	default:
		h = d.anything()
		for range d.IntN(3) {
			h.World = append(h.World, Event{d.between(0, 20*time.Second), "goaway"})
		}
	}
	h.Way = wayHTTP2
	h.Abort = pick(d, 0, 0, protocolError, refusedStream, cancelStream)
	h.Streams = pick(d, 0, 0, 0, 2, 5)
	for i := range h.World { // there are no executors
		if e := &h.World[i]; e.Kind == "cut-links" || e.Kind == "no-executor" {
			e.Kind = "goaway"
		}
	}
	return intercepted(seed, h)
}

// cutRefusals answers calls with a status that proves that the call did not run if the response is
// complete, but cuts the body at its start. A client that mistakes the cut for the end of the body
// wrongly reports NotRun.
func (d dice) cutRefusals(h *History) {
	for i := range h.Ops {
		r := Reply{How: "status", Status: pick(d, 404, 404, 405, 501), Code: pick(d, -32603, -32000, -32602), CutBy: pick(d, "", "reset")}
		r.Cut = strings.Index(plain(r.Status, "", typeJSON, rpcError("10", r.Code)), "{") + d.IntN(30)
		h.Ops[i].Replies = []Reply{r}
	}
}

// endpoint returns the URL of the server.
func (h *History) endpoint() string {
	if h.Way == wayHTTP2 {
		return gatewayEndpoint
	}
	return endpoint
}
