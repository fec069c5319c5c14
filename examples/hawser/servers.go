package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/hawser-mcp/hawser/mcpclient"
	"github.com/hawser-mcp/hawser/mcpclient/group"
	"github.com/hawser-mcp/hawser/mcpclient/mcpconfig"
	"github.com/hawser-mcp/hawser/mcpclient/toolspec"
	"github.com/hawser-mcp/hawser/oauth"
	"github.com/hawser-mcp/hawser/oauth/filestore"
	"github.com/hawser-mcp/hawser/transport"
	"github.com/hawser-mcp/hawser/transport/executor"
)

func (a *app) serversCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "servers",
		Short: "Show the state of all servers of --config",
		Long: lines("Connect to all servers of the configuration files and show their states. The exit",
			"code is that of the worst required server, and 0 if all of these are ready."),
		Example: "  hawser servers --config .mcp.json",
	}
	return a.serverCommand(cmd, 0, 0, func(ctx context.Context, _ []string) error {
		g, err := a.openGroup(ctx)
		if err != nil {
			return err
		}
		defer g.Close()
		waited := g.Wait(ctx)
		states := g.States()
		name, status := 0, 0
		for i := range states {
			name = max(name, utf8.RuneCountInString(oneLine(states[i].Server, 60)))
			status = max(status, len(states[i].Status.String()))
		}
		for i := range states {
			if err := a.showState(&states[i], name, status); err != nil {
				return err
			}
		}
		if len(states) == 0 {
			a.con.line("the configuration has no usable servers")
		}
		return a.groupFailure(states, waited)
	})
}

// showState prints a line for a server. name and status are the widths of the columns.
func (a *app) showState(s *group.State, name, status int) error {
	cause := stateCause(s)
	if a.flags.json {
		return a.out.value(struct {
			Server string `json:"server"`
			Status string `json:"status"`
			Tools  int    `json:"tools"`
			Error  string `json:"error,omitempty"`
		}{s.Server, s.Status.String(), s.Functions, cause})
	}
	text := fmt.Sprintf("%-*s  %-*s", name, oneLine(s.Server, 60), status, s.Status)
	switch {
	case s.Status == group.Ready && s.Functions == 1:
		text += "  1 tool"
	case s.Status == group.Ready:
		text += fmt.Sprintf("  %d tools", s.Functions)
	case cause != "":
		text += "  " + cause
	}
	a.out.item(text, "    ")
	return nil
}

// stateCause says why a server is not ready, "" if there is no reason.
func stateCause(s *group.State) string {
	var e *mcpclient.Error
	switch {
	case s.Err == nil:
		return ""
	case s.Status == group.Unsupported:
		return "hawser speaks only Streamable HTTP"
	case errors.As(s.Err, &e):
		return withoutOperation(oneLine(causeOf(e), 300))
	}
	return oneLine(s.Err.Error(), 300)
}

// groupFailure returns the failure of a command for all servers: that of a required server that is
// not ready, or of any server if none is.
func (a *app) groupFailure(states []group.State, waited error) error {
	ready := slices.ContainsFunc(states, func(s group.State) bool { return s.Status == group.Ready })
	if waited == nil && (ready || len(states) == 0) {
		return nil
	}
	f := &failure{code: exitNotRun, cause: "no server is ready"}
	if waited != nil {
		f.cause = oneLine(waited.Error(), 500)
	}
	for i := range states {
		s := &states[i]
		if s.Status == group.NeedsAuth && (waited == nil || a.required(s.Server)) {
			f.code = exitAuth
			f.hint = a.commandFor("login", s.Server)
		}
	}
	return f
}

func (a *app) required(server string) bool {
	s := findEntry(a.config, server)
	return s != nil && s.Required
}

// commandFor returns a command for a server of the configuration, for hints.
func (a *app) commandFor(name, server string) string {
	return strings.Join(append([]string{"hawser", name, shellWord(server)}, a.configFlags()...), " ")
}

// toolsOfAll lists the tools of all servers of the configuration.
func (a *app) toolsOfAll(ctx context.Context) error {
	g, err := a.openGroup(ctx)
	if err != nil {
		return err
	}
	defer g.Close()
	waited := g.Wait(ctx)
	functions, _ := g.Functions()
	slices.SortFunc(functions, func(x, y toolspec.Function) int {
		return cmp.Or(strings.Compare(x.Server, y.Server), strings.Compare(x.Tool, y.Tool))
	})
	for i := range functions {
		if err := a.showFunction(&functions[i], i); err != nil {
			return err
		}
	}
	states := g.States()
	for i := range states {
		if s := &states[i]; s.Status != group.Ready && s.Status != group.Disabled {
			text := oneLine(s.Server, 60) + ": " + s.Status.String()
			if cause := stateCause(s); cause != "" {
				text += ": " + cause
			}
			a.con.line(text)
		}
	}
	return a.groupFailure(states, waited)
}

func (a *app) showFunction(f *toolspec.Function, n int) error {
	if a.flags.json {
		return a.out.value(struct {
			Server       string          `json:"server"`
			Name         string          `json:"name"`
			Function     string          `json:"function"`
			Title        string          `json:"title,omitempty"`
			Description  string          `json:"description,omitempty"`
			InputSchema  json.RawMessage `json:"inputSchema,omitempty"`
			OutputSchema json.RawMessage `json:"outputSchema,omitempty"`
		}{f.Server, f.Tool, f.Name, f.Title, f.Description, f.Parameters, f.Output})
	}
	var tool mcpclient.Tool
	tool.Name, tool.Title, tool.Description, tool.RawInputSchema = oneLine(f.Server, 60)+" "+f.Tool, f.Title, f.Description, f.Parameters
	a.showTool(&tool, n)
	return nil
}

// openGroup reads the files of --config and connects to their servers in the background.
func (a *app) openGroup(ctx context.Context) (*group.Group, error) {
	if len(a.flags.config) == 0 {
		return nil, usageError("hawser servers --config .mcp.json", "name the file with the servers with --config")
	}
	c, err := a.loadConfig(ctx)
	if err != nil {
		return nil, err
	}
	for _, p := range c.Problems {
		a.con.line(oneLine(p.Error(), 500))
	}
	a.config = c
	for i := range c.Servers {
		for _, values := range c.Servers[i].Header {
			for _, value := range values {
				a.hideHeader(value)
			}
		}
	}
	networks, err := a.openNetworks(ctx)
	if err != nil {
		return nil, err
	}
	g, err := group.New(c.Servers, &group.Options{
		Transports: networks, Auth: a.storedAuth(), Logger: a.log,
		Session: func(_ *mcpconfig.Server, o *mcpclient.Options) {
			o.ProtocolVersion, o.NoCookies = a.flags.protocol, a.flags.noCookies
			o.ClientInfo.Name, o.ClientInfo.Title, o.ClientInfo.Version = "hawser-cli", "Hawser command line", mcpclient.Version
			o.Timeouts.Close = 2 * time.Second
		},
	})
	if err != nil {
		return nil, usageError("", "%s", oneLine(err.Error(), 500))
	}
	return g, nil
}

// openNetworks returns the transports of a group. An executor that cannot be reached fails only the
// servers that need it. --executor replaces the executors of the configuration.
func (a *app) openNetworks(ctx context.Context) (map[string]http.RoundTripper, error) {
	base, err := a.openTransport(ctx)
	if err != nil {
		return nil, err
	}
	networks := map[string]http.RoundTripper{"": base}
	for i := range a.config.Servers {
		name := a.config.Servers[i].Executor
		if _, there := networks[name]; there {
			continue
		}
		if a.flags.executor != "" {
			networks[name] = base
			continue
		}
		networks[name] = a.openNamedExecutor(ctx, name)
	}
	return networks, nil
}

// openNamedExecutor returns a transport through an executor of the configuration.
func (a *app) openNamedExecutor(ctx context.Context, name string) http.RoundTripper {
	var users []*mcpconfig.Server
	for i := range a.config.Servers {
		if s := &a.config.Servers[i]; s.Executor == name {
			users = append(users, s)
		}
	}
	e := a.config.Executors[name]
	opts := &executor.Options{ClientName: "hawser-cli", Logger: a.log, Token: e.Token, HeadersFromEnv: headersFromEnv(users...)}
	t, err := dialExecutor(ctx, e.URL, opts)
	if err != nil {
		return unreachable{a.executorFailure(err)}
	}
	a.closers = append(a.closers, t)
	if a.flags.trace {
		return &tracer{base: t, con: a.con, now: a.env.now}
	}
	return t
}

// unreachable is the transport through an executor that cannot be used.
type unreachable struct{ err error }

// RoundTrip implements [http.RoundTripper].
func (u unreachable) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Body != nil {
		_ = req.Body.Close() // nothing was read
	}
	return nil, &transport.Error{Stage: transport.NotSent, Permanent: true, Op: "executor", Err: u.err}
}

// storedAuth returns the authorizers of a group: the stored logins of its servers. It starts no
// login.
func (a *app) storedAuth() func(context.Context, *mcpconfig.Server) (mcpclient.Authorizer, func() error, error) {
	dir := a.flags.auth.store
	if dir == "" {
		var err error
		if dir, err = filestore.DefaultDir(); err != nil {
			return nil
		}
	}
	return func(ctx context.Context, s *mcpconfig.Server) (mcpclient.Authorizer, func() error, error) {
		if _, err := os.Stat(dir); err != nil {
			return nil, nil, nil //nolint:nilerr // no login yet
		}
		store, err := filestore.New(dir)
		if err != nil {
			return nil, nil, err
		}
		cfg := &oauth.Config{Store: store, Logger: a.log, Registration: oauth.Registration{Name: "hawser command line"}}
		if o := s.OAuth; o != nil {
			cfg.Issuer, cfg.Scopes = o.Issuer, o.Scopes
			cfg.Registration.ClientID, cfg.Registration.ClientSecret = o.ClientID, o.ClientSecret
		}
		c, err := oauth.NewClient(s.URL, cfg)
		if err != nil {
			return nil, nil, err
		}
		status, err := c.Status(ctx)
		if err != nil || !status.Authorized {
			return nil, nil, closeWith(c, err)
		}
		return c, c.Close, nil
	}
}

// closeWith closes c and returns err.
func closeWith(c *oauth.Client, err error) error {
	if closed := c.Close(); err == nil {
		err = closed
	}
	return err
}
