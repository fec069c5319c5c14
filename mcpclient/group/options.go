package group

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"time"

	"github.com/hawser-mcp/hawser/mcpclient"
	"github.com/hawser-mcp/hawser/mcpclient/mcpconfig"
	"github.com/hawser-mcp/hawser/mcpclient/toolspec"
)

// Options configures a [Group]. Nil and the zero value select the defaults. [New] copies the
// Options, but not what they point to.
type Options struct {
	// Transports carry the requests, by the name of the executor in the configuration; "" is for
	// servers without an executor. The group does not close them. Without an entry for "", the
	// group creates a [transport.NewDirect] for these servers and closes it.
	Transports map[string]http.RoundTripper
	// Auth returns the authorizer of a server, nil for none, and a function that releases it when
	// the server leaves the group, nil for none. It is called once for each try. Servers whose
	// configuration sets an Authorization header or turns OAuth off are not asked for. Nil means no
	// authorization.
	Auth func(ctx context.Context, s *mcpconfig.Server) (mcpclient.Authorizer, func() error, error)
	// Open connects a server that is not a Streamable HTTP server, such as one that runs as a
	// program; see [mcpconfig.Server].Other. changed tells the group to read the tools again. It is
	// safe for concurrent use and returns at once. If Open is nil, such servers are Unsupported.
	Open func(ctx context.Context, s *mcpconfig.Server, changed func()) (Caller, error)
	// Session may change the options of a session before the group connects it: to set handlers, a
	// retry policy or an observer. Handlers that the group itself uses still run: it calls them and
	// its own.
	Session func(s *mcpconfig.Server, o *mcpclient.Options)
	// Approve decides about a call whose rule is [mcpconfig.Ask]. It may block on a user; no
	// timeout of the group runs meanwhile. An error refuses the call. A nil Approve refuses each.
	Approve func(ctx context.Context, f toolspec.Function, args json.RawMessage) error
	// Pins holds back functions whose definition has changed since it was accepted. Nil means that
	// definitions may change.
	Pins *Pins
	// Lazy connects a server when something first needs it: [Group.Call], [Group.Wait] or
	// [Group.Reconnect]. Until then, its functions are those of Pins.
	Lazy bool
	// Parallel is how many servers are connected at the same time. Default 32. A server that waits
	// for its user does not count.
	Parallel int
	// ConnectTimeout bounds one try to connect, list of tools included, but not the time in which
	// the user logs in. Default 10 s; negative means no bound. The configuration of a server may
	// set another.
	ConnectTimeout time.Duration
	// MinBackoff and MaxBackoff bound the pauses between tries: the bound of the pause doubles with
	// each try, and the pause is a random part of it, so that the servers of many groups do not come
	// back at once. Defaults 1 s and 1 min.
	MinBackoff, MaxBackoff time.Duration
	// Debounce is how long the group collects signals that a list changed before it reads the list
	// again. It starts with the first signal. Default 250 ms; negative means none.
	Debounce time.Duration
	// Prefix is put before the name of each function, such as "mcp__". It must be of the characters
	// that toolspec allows. Most programs need none.
	Prefix string
	// Observer receives the group's events. Nil means no observer.
	Observer Observer
	// Logger logs the same events, and is the logger of the sessions. Nil disables logging.
	Logger *slog.Logger
}

// Defaults of [Options].
const (
	defaultParallel       = 32
	defaultConnectTimeout = 10 * time.Second
	defaultMinBackoff     = time.Second
	defaultMaxBackoff     = time.Minute
	defaultDebounce       = 250 * time.Millisecond
)

// Caller is what the calls of a server go to: a [mcpclient.Session], or a client of another
// transport. [mcpclient.ApplyOptions] makes the options of a call readable. If a Caller has a method
// Ping like that of a Session, the group uses it to find out whether the server is still there.
type Caller interface {
	CallTool(ctx context.Context, name string, args any, opts ...mcpclient.CallOption) (*mcpclient.CallToolResult, error)
	ListTools(ctx context.Context, cursor *string, opts ...mcpclient.CallOption) (*mcpclient.Page[mcpclient.Tool], error)
	Close() error
}
