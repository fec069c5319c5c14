package redaction_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/tls"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"

	"github.com/hawser-mcp/hawser/internal/mcptest"
	"github.com/hawser-mcp/hawser/mcpclient"
	"github.com/hawser-mcp/hawser/mcpclient/group"
	"github.com/hawser-mcp/hawser/mcpclient/mcpconfig"
	"github.com/hawser-mcp/hawser/oauth"
	"github.com/hawser-mcp/hawser/oauth/loopback"
	"github.com/hawser-mcp/hawser/streamablehttp"
	"github.com/hawser-mcp/hawser/transport"
	"github.com/hawser-mcp/hawser/transport/executor"
	"github.com/hawser-mcp/hawser/transport/executor/agent"
)

const (
	bearer    = "token-" + mark
	secretURL = "https://user:" + mark + "@mcp.test/mcp?key=" + mark + "#" + mark
)

func header() http.Header {
	return http.Header{"Authorization": {"Bearer " + bearer}, "X-Api-Key": {mark}}
}

// secretTypes maps the name of each type that can hold a secret to a function. The function returns
// pointers to values with secrets. A name with a space denotes an unexported type that users reach
// through an interface.
var secretTypes = map[string]func(t *testing.T) []any{
	"mcpclient.Session": func(t *testing.T) []any { return []any{session(t), new(mcpclient.Session)} },
	"mcpclient.CallSettings": func(t *testing.T) []any {
		s, err := mcpclient.ApplyOptions(mcpclient.WithHeader("X-Api-Key", mark), mcpclient.WithMeta(map[string]any{"k": mark}))
		require.NoError(t, err)
		return []any{&s, new(mcpclient.CallSettings)}
	},
	"mcpclient.Options": func(*testing.T) []any { return []any{options(), new(mcpclient.Options)} },
	"mcpclient.Subscription": func(t *testing.T) []any {
		l, err := session(t).Listen(t.Context(), mcpclient.Filter{ToolsChanged: true})
		require.NoError(t, err)
		return []any{l, new(mcpclient.Subscription)}
	},
	"mcpclient.Recovery": func(*testing.T) []any {
		return []any{&mcpclient.Recovery{Cause: errors.New(mark)}, new(mcpclient.Recovery)}
	},
	"mcpclient.Outgoing": func(t *testing.T) []any { return []any{outgoing(t), new(mcpclient.Outgoing)} },
	"mcpclient.EraCache": func(*testing.T) []any { return []any{eraCache(), new(mcpclient.EraCache)} },

	"mcpclient/group.Group": func(t *testing.T) []any {
		s := *configServer()
		s.Disabled, s.Executor = true, ""
		g, err := group.New([]mcpconfig.Server{s}, groupOptions())
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, g.Close()) })
		return []any{g, new(group.Group)}
	},
	"mcpclient/group.Options":      func(*testing.T) []any { return []any{groupOptions(), new(group.Options)} },
	"mcpclient/group.Pool":         func(*testing.T) []any { return []any{pool(), new(group.Pool)} },
	"mcpclient/mcpconfig.Server":   func(*testing.T) []any { return []any{configServer(), new(mcpconfig.Server)} },
	"mcpclient/mcpconfig.OAuth":    func(*testing.T) []any { return []any{configServer().OAuth, new(mcpconfig.OAuth)} },
	"mcpclient/mcpconfig.Other":    func(*testing.T) []any { return []any{configServer().Other, new(mcpconfig.Other)} },
	"mcpclient/mcpconfig.Executor": func(*testing.T) []any { return []any{configExecutor(), new(mcpconfig.Executor)} },
	"mcpclient/mcpconfig.Config": func(*testing.T) []any {
		return []any{&mcpconfig.Config{
			Servers: []mcpconfig.Server{*configServer()}, Executors: map[string]mcpconfig.Executor{"x": *configExecutor()},
		}, new(mcpconfig.Config)}
	},
	"mcpclient/mcpconfig.Loader": func(*testing.T) []any {
		return []any{&mcpconfig.Loader{Vars: map[string]string{"KEY": mark}}, new(mcpconfig.Loader)}
	},
	"mcpclient/mcpconfig.Input": func(*testing.T) []any {
		return []any{&mcpconfig.Input{ID: "key", Default: mark, Options: []string{mark}, Password: true}, new(mcpconfig.Input)}
	},

	"streamablehttp.Config":  func(*testing.T) []any { return []any{config(nil), new(streamablehttp.Config)} },
	"streamablehttp.Conn":    func(t *testing.T) []any { return []any{conn(t), new(streamablehttp.Conn)} },
	"streamablehttp.Session": func(t *testing.T) []any { return []any{conn(t).NewSession("2025-11-25", mark, false)} },
	"streamablehttp.Request": func(*testing.T) []any {
		return []any{&streamablehttp.Request{
			ID: 1, Method: "tools/call", Name: mark, HasName: true, Params: []streamablehttp.Param{{Name: "Key", Value: mark}},
			Header: header(), Body: []byte(mark), Began: new(atomic.Bool),
		}}
	},
	"streamablehttp.Param": func(*testing.T) []any { return []any{&streamablehttp.Param{Name: "Key", Value: mark}} },

	"transport.DirectOptions": func(*testing.T) []any {
		return []any{&transport.DirectOptions{TLSConfig: tlsConfig(), Proxy: proxy, DialTimeout: time.Second}}
	},
	"transport direct": func(t *testing.T) []any { return []any{direct(t)} },

	"transport/executor.Options":       func(*testing.T) []any { return []any{executorOptions()} },
	"transport/executor.HeaderFromEnv": func(*testing.T) []any { return []any{&executorOptions().HeadersFromEnv[0]} },
	"transport/executor.Transport":     func(t *testing.T) []any { return []any{executorTransport(t), new(executor.Transport)} },
	"transport/executor/agent.Options": func(*testing.T) []any { return []any{agentOptions()} },
	"transport/executor/agent.Budget":  func(*testing.T) []any { return []any{agent.NewBudget(0), new(agent.Budget)} },
	"transport/executor/agent.Listener": func(t *testing.T) []any {
		return []any{listener(t), new(agent.Listener)}
	},

	"oauth.Config":            func(*testing.T) []any { return []any{oauthConfig(), new(oauth.Config)} },
	"oauth.Client":            func(t *testing.T) []any { return []any{oauthClient(t), new(oauth.Client)} },
	"oauth roundTripper":      func(t *testing.T) []any { return []any{oauthClient(t).RoundTripper(direct(t))} },
	"oauth loginRoundTripper": func(t *testing.T) []any { return []any{oauthClient(t).LoginRoundTripper(direct(t))} },
	"oauth tokenSource":       func(t *testing.T) []any { return []any{oauthClient(t).TokenSource(t.Context())} },
	"oauth source": func(*testing.T) []any {
		tokens := oauth2.StaticTokenSource(&oauth2.Token{AccessToken: mark, RefreshToken: mark})
		return []any{oauth.StaticToken(mark), oauth.FromTokenSource(tokens), &oauth.Config{Grant: oauth.StaticToken(mark)}}
	},
	"oauth memoryStore":       func(t *testing.T) []any { return []any{memoryStore(t)} },
	"oauth.Registration":      func(*testing.T) []any { return []any{registration()} },
	"oauth.ClientKey":         func(*testing.T) []any { return []any{registration().Key} },
	"oauth.EnterpriseManaged": func(*testing.T) []any { return []any{enterprise()} },
	"oauth.JWTBearer":         func(*testing.T) []any { return []any{&oauth.JWTBearer{Assertion: secretSource}} },
	"oauth/loopback.Login": func(*testing.T) []any {
		return []any{&loopback.Login{Out: bytes.NewBufferString(mark), Path: "/callback", Paste: secretSource}}
	},
}

func secretSource(context.Context) (string, error) { return mark, nil }

func proxy(*http.Request) (*url.URL, error) { return url.Parse(secretURL) }

func tlsConfig() *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{{PrivateKey: ed25519.PrivateKey(mark)}}}
}

func direct(t *testing.T) transport.Transport {
	t.Helper()
	d := transport.NewDirect(&transport.DirectOptions{TLSConfig: tlsConfig(), Proxy: proxy})
	t.Cleanup(func() { _ = d.Close() })
	return d
}

// keyHolder is a user's RoundTripper that holds an API key.
type keyHolder struct {
	http.RoundTripper

	Key string
}

func options() *mcpclient.Options {
	return &mcpclient.Options{
		Transport: keyHolder{Key: mark}, Header: header(), EraCache: eraCache(), AcceptGzip: true,
		HeaderHook: func(context.Context, http.Header) error { return nil },
		Handlers:   mcpclient.Handlers{ToolsChanged: func(context.Context, *mcpclient.Session) {}},
	}
}

// configServer returns an entry with everything set, which no entry has at once.
func configServer() *mcpconfig.Server {
	return &mcpconfig.Server{
		Name: "github", URL: "https://user:" + mark + "@mcp.test/" + mark + "?key=" + mark + "#" + mark, Header: header(), Executor: "sandbox",
		Approve: map[string]mcpconfig.Rule{"*": mcpconfig.Ask},
		OAuth:   &mcpconfig.OAuth{ClientID: mark, ClientSecret: mark, RedirectURI: secretURL, Issuer: secretURL, MetadataURL: secretURL},
		Other: &mcpconfig.Other{
			Kind: "sse", Command: mark, Args: []string{"--token", mark}, Env: map[string]string{"KEY": mark}, Dir: mark, URL: secretURL, Header: header(),
		},
	}
}

func configExecutor() *mcpconfig.Executor {
	return &mcpconfig.Executor{URL: "wss://exec.test/" + mark + "?key=" + mark, Token: bearer}
}

// holder is a RoundTripper that holds a secret.
type holder struct {
	http.RoundTripper
	secret string
}

func groupOptions() *group.Options {
	return &group.Options{Transports: map[string]http.RoundTripper{"": holder{secret: mark}}, Prefix: "mcp__"}
}

func eraCache() *mcpclient.EraCache {
	cache := new(mcpclient.EraCache)
	cache.Store(secretURL, mcpclient.EraLegacy)
	return cache
}

func session(t *testing.T) *mcpclient.Session {
	t.Helper()
	server := httptest.NewServer(mcptest.New(mcptest.Legacy))
	t.Cleanup(server.Close)
	s, err := mcpclient.Connect(t.Context(), server.URL+"/mcp?key="+mark, &mcpclient.Options{Header: header(), EraCache: eraCache()})
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// outgoing returns a message with secrets in its arguments and headers.
func outgoing(t *testing.T) (out *mcpclient.Outgoing) {
	t.Helper()
	server := httptest.NewServer(mcptest.New(mcptest.Legacy))
	t.Cleanup(server.Close)
	keep := func(next mcpclient.OutgoingFunc) mcpclient.OutgoingFunc {
		return func(ctx context.Context, o *mcpclient.Outgoing) error {
			out = o
			return next(ctx, o)
		}
	}
	s, err := mcpclient.Connect(t.Context(), server.URL, &mcpclient.Options{Interceptors: []mcpclient.Interceptor{{Outgoing: keep}}})
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	_, _ = s.CallTool(t.Context(), "none", map[string]any{"k": mark}, mcpclient.WithHeader("X-Key", mark)) // the tool does not exist
	return out
}

func config(rt http.RoundTripper) *streamablehttp.Config {
	if rt == nil {
		rt = keyHolder{Key: mark}
	}
	return &streamablehttp.Config{RoundTripper: rt, Header: header(), AcceptGzip: true}
}

func conn(t *testing.T) *streamablehttp.Conn {
	t.Helper()
	c, err := streamablehttp.New("https://mcp.test/mcp?key="+mark, *config(direct(t)))
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

// pool returns a Pool that was not used yet, because the test copies it.
func pool() *group.Pool {
	server := mcpconfig.Server{Name: "s", URL: secretURL, Header: header(), Disabled: true}
	return &group.Pool{New: func(context.Context, string) (*group.Group, error) { return group.New([]mcpconfig.Server{server}, nil) }}
}

func executorOptions() *executor.Options {
	return &executor.Options{
		Token: bearer, TLS: tlsConfig(), Shared: true,
		HeadersFromEnv: []executor.HeaderFromEnv{{Origin: "https://mcp.test", Name: "Authorization", Prefix: mark + " ", Variable: "KEY"}},
	}
}

func agentOptions() *agent.Options {
	return &agent.Options{Token: bearer, HeaderEnv: map[string][]string{"KEY": {secretURL}}, TLSConfig: tlsConfig(), Proxy: proxy}
}

func listener(t *testing.T) *agent.Listener {
	t.Helper()
	l, err := agent.Listen(t.Context(), "ws://127.0.0.1:0", &agent.Options{Token: bearer, TLSConfig: tlsConfig(), Proxy: proxy})
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	return l
}

func executorTransport(t *testing.T) *executor.Transport {
	t.Helper()
	rt, err := executor.Dial(t.Context(), listener(t).URL(), executorOptions())
	require.NoError(t, err)
	t.Cleanup(func() { _ = rt.Close() })
	return rt
}

func registration() *oauth.Registration {
	return &oauth.Registration{
		ClientID: "id", ClientSecret: mark, Key: &oauth.ClientKey{Signer: ed25519.PrivateKey(mark), PEM: []byte(mark)},
		Issuer: "https://auth.test",
	}
}

func enterprise() *oauth.EnterpriseManaged {
	return &oauth.EnterpriseManaged{IDToken: secretSource, TokenEndpoint: secretURL, ClientID: "id", ClientSecret: mark}
}

func oauthConfig() *oauth.Config {
	return &oauth.Config{
		Transport: keyHolder{Key: mark}, Store: oauth.NewMemoryStore(), Grant: *enterprise(), Registration: *registration(),
		Login: &loopback.Login{Out: bytes.NewBufferString(mark)}, Issuer: secretURL, Scopes: []string{"read"},
	}
}

func oauthClient(t *testing.T) *oauth.Client {
	t.Helper()
	c, err := oauth.NewClient("https://mcp.test/mcp?key="+mark, &oauth.Config{
		Transport: keyHolder{Key: mark}, Store: memoryStore(t), Registration: oauth.Registration{ClientID: "id", ClientSecret: mark},
	})
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func memoryStore(t *testing.T) oauth.Store {
	t.Helper()
	s := oauth.NewMemoryStore()
	_, err := s.Save(t.Context(), "key", []byte(mark), "")
	require.NoError(t, err)
	return s
}
