package simulation_test

import (
	"context"
	"crypto/tls"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hawser-mcp/hawser/internal/execproto"
	"github.com/hawser-mcp/hawser/internal/link"
	"github.com/hawser-mcp/hawser/internal/memnet"
	"github.com/hawser-mcp/hawser/transport"
	"github.com/hawser-mcp/hawser/transport/executor"
	"github.com/hawser-mcp/hawser/transport/executor/agent"
)

// world is everything outside the client: the network, the servers, the executors.
type world struct {
	h         *History
	j         *Journal
	network   *memnet.Network // network between the client and the servers or the gateway
	back      *memnet.Network // network between the gateway and the server; without a gateway it is the same as network
	gateway   *gateway        // nil without HTTP/2
	server    *server
	executors *executors
	transport transport.Transport
}

func newWorld(h *History, j *Journal) (*world, error) {
	w := &world{h: h, j: j, network: memnet.New(memnet.Buffer(h.Buffer))}
	w.back = w.network
	if h.Way == wayHTTP2 {
		w.back = memnet.New()
	}
	w.server = newServer(h, j, w.network, w.back)
	w.executors = &executors{dial: w.network}
	w.executors.ctx, w.executors.cancel = context.WithCancel(context.Background())
	direct := &transport.DirectOptions{NoProxy: true, DialContext: w.network.DialContext}
	switch h.Way {
	case wayHTTP2:
		_, roots := gatewayCertificate()
		direct.TLSConfig = &tls.Config{RootCAs: roots, CurvePreferences: []tls.CurveID{tls.X25519}}
		w.gateway = newGateway(w.server, w.network, w.back)
		fallthrough
	case "":
		w.transport = transport.NewDirect(direct)
		return w, nil
	}
	var err error
	w.transport, err = executor.Open(w.executors.ctx, w.executors.open, &executor.Options{Shared: h.Way == "agent-shared"})
	return w, err
}

// end stops everything outside the client. If something is still open afterwards, the client left
// it open.
func (w *world) end() {
	if w.transport != nil {
		_ = w.transport.Close() // always returns nil
	}
	w.executors.cancel()
	w.executors.serving.Wait()
	if w.gateway != nil {
		w.gateway.close(w.network)
	}
	close(w.server.done)
	w.server.wg.Wait()
}

// executors are remote programs that perform requests. Each link leads to one of them.
type executors struct {
	dial    *memnet.Network
	ctx     context.Context
	cancel  context.CancelFunc
	serving sync.WaitGroup

	mu   sync.Mutex
	down bool            // guarded by mu
	ends []*link.PipeEnd // guarded by mu
}

// outage is how long the executors are unavailable. After a longer outage, many backoffs would end
// at the same instants, in arbitrary order.
const outage = 1300*time.Millisecond + 17*time.Microsecond

// open connects to an executor.
func (e *executors) open(context.Context) (executor.Link, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.down {
		return nil, errors.New("no executor")
	}
	near, far := link.Pipe(execproto.MaxMessage)
	e.ends = append(e.ends, near)
	e.serving.Go(func() { _ = agent.Serve(e.ctx, far, &agent.Options{DialContext: e.dial.DialContext}) }) // returns when the link ends
	return near, nil
}

// cut breaks all links one after the other. Breaking them at the same instant would cause races.
func (e *executors) cut() {
	e.mu.Lock()
	ends := e.ends
	e.ends = nil
	e.mu.Unlock()
	for _, end := range ends {
		end.Cut()
		time.Sleep(1013 * time.Microsecond)
	}
}

func (e *executors) setDown(down bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.down = down
}

// happen triggers an event that affects all calls.
func (w *world) happen(kind string) {
	w.j.logf("world", "%s", kind)
	switch kind {
	case "reset":
		w.each((*memnet.Conn).Reset)
	case "cut":
		w.each((*memnet.Conn).Cut)
	case "silence":
		w.each((*memnet.Conn).Silence)
	case "refuse":
		w.network.Refuse(true)
	case "stall":
		w.network.Stall(true)
	case "well":
		w.network.Refuse(false)
		w.network.Stall(false)
		w.executors.setDown(false)
	case "reset-accept":
		w.server.resetNext.Store(true)
	case "goaway":
		if w.gateway != nil {
			w.gateway.goAway.Store(true)
		}
	case "lose":
		w.server.lose()
	case "emit":
		w.server.emit()
	case "end-shared", "cut-shared":
		w.server.endShared(kind == "cut-shared")
	case "cut-links":
		w.executors.cut()
	case "no-executor":
		w.executors.setDown(true)
		time.AfterFunc(outage, func() { w.executors.setDown(false) })
		w.executors.cut()
	case "expire", "revoke":
		w.server.auth.expire(kind == "revoke")
	default:
		panic("unknown event: " + kind)
	}
}

// each calls breakConn for one connection after the other, ordered by the request that last used
// the connection. The order of dials would not do, because it may depend on the scheduler.
func (w *world) each(breakConn func(*memnet.Conn)) {
	links := w.network.Links()
	w.server.mu.Lock()
	slices.SortStableFunc(links, func(a, b *memnet.Conn) int {
		return strings.Compare(w.server.lastOn[a.LocalAddr().String()], w.server.lastOn[b.LocalAddr().String()])
	})
	w.server.mu.Unlock()
	for _, c := range links {
		breakConn(c)
		time.Sleep(1037 * time.Microsecond)
	}
}

// follow triggers the events of the history until stop is closed.
func (w *world) follow(stop <-chan struct{}) {
	var all sync.WaitGroup
	began := time.Now()
	for i, e := range w.h.World {
		all.Go(func() {
			at := e.At.D() + time.Duration(500+3*i)*time.Microsecond // each event gets a separate instant
			timer := time.NewTimer(at - time.Since(began))
			defer timer.Stop()
			select {
			case <-timer.C:
				w.j.count("events")
				w.happen(e.Kind)
			case <-stop:
			}
		})
	}
	all.Wait()
}

// calm ends all faults.
func (w *world) calm() {
	close(w.server.good)
	w.happen("well")
	w.server.resetNext.Store(false)
	if w.gateway != nil {
		w.gateway.goAway.Store(false)
	}
	if !w.h.only() {
		w.happen("reset") // a silent connection would stay silent
	}
}
