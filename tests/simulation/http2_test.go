package simulation_test

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// wayHTTP2 is the way of a History over HTTP/2: a Direct, and a gateway in front of the server. Faults of the network
// meet all streams of a connection, those of the server one stream. All invariants and oracles hold as they are:
//
//   - A connection that breaks promises nothing to any call, as over HTTP/1.1. Direct cannot say NotSent of a request that
//     had one; with a refused dial (refusedDials) it had none, because GOAWAY ended the one before.
//   - GOAWAY touches no call, so there is an oracle of it (windUp) in place of that of dead links: there are no executors.
//   - A fault must not stop time: a peer that reads nothing has net/http wait for a mutex, which is no sleep to synctest.
const wayHTTP2 = "h2"

// TestHTTP2 plays a few seeds over HTTP/2; "TestSeeds -way h2" plays more.
func TestHTTP2(t *testing.T) {
	newPlaying(t, wayHTTP2).seeds(1, 25)
}

// generateHTTP2 draws the history of a seed over HTTP/2. Its dice are others than those of generate.
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
	return h
}

// cutRefusals answers calls with errors whose status is a proof without them, and cuts them where they begin: whoever
// takes the cut for the end takes the call for refused.
func (d dice) cutRefusals(h *History) {
	for i := range h.Ops {
		r := Reply{How: "status", Status: pick(d, 404, 404, 405, 501), Code: pick(d, -32603, -32000, -32602), CutBy: pick(d, "", "reset")}
		r.Cut = strings.Index(plain(r.Status, "", typeJSON, rpcError("10", r.Code)), "{") + d.IntN(30)
		h.Ops[i].Replies = []Reply{r}
	}
}

// endpoint is the URL of the server.
func (h *History) endpoint() string {
	if h.Way == wayHTTP2 {
		return gatewayEndpoint
	}
	return endpoint
}
