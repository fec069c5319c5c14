package main

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"go.yaml.in/yaml/v3"

	"github.com/hawser-mcp/hawser/mcpclient/mcpconfig"
	"github.com/hawser-mcp/hawser/transport/executor"
)

// maxConfig is the maximum size of a configuration file in TOML or YAML, in bytes.
const maxConfig = 4 << 20

// loadConfig reads the files of --config. Of entries with the same name, the first counts.
func (a *app) loadConfig(ctx context.Context) (*mcpconfig.Config, error) {
	all := &mcpconfig.Config{Executors: map[string]mcpconfig.Executor{}}
	for _, file := range a.flags.config {
		c, err := a.loadFile(ctx, file)
		if err != nil {
			return nil, usageError("--config takes a file with MCP servers in JSON, TOML or YAML", "%v", err)
		}
		for _, s := range c.Servers {
			if findEntry(all, s.Name) == nil {
				all.Servers = append(all.Servers, s)
			}
		}
		for name, e := range c.Executors {
			if _, there := all.Executors[name]; !there {
				all.Executors[name] = e
				a.con.hide(e.Token)
			}
		}
		all.Problems = append(all.Problems, c.Problems...)
	}
	slices.SortFunc(all.Servers, func(x, y mcpconfig.Server) int { return strings.Compare(x.Name, y.Name) })
	return all, nil
}

// loadFile reads one configuration file. Package mcpconfig reads JSON; TOML and YAML are decoded
// here.
func (a *app) loadFile(ctx context.Context, file string) (*mcpconfig.Config, error) {
	loader := &mcpconfig.Loader{Env: a.env.lookup}
	var decode func([]byte, any) error
	switch strings.ToLower(filepath.Ext(file)) {
	case ".toml":
		decode = toml.Unmarshal
	case ".yaml", ".yml":
		decode = yaml.Unmarshal
	default:
		return loader.Load(ctx, file)
	}
	info, err := os.Stat(file)
	if err != nil {
		return nil, err
	}
	if info.Size() > maxConfig {
		return nil, fmt.Errorf("%s: larger than %d bytes", file, maxConfig)
	}
	text, err := os.ReadFile(file) //nolint:gosec // the user names the file
	if err != nil {
		return nil, err
	}
	settings := map[string]any{}
	if err := decode(text, &settings); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	c, err := loader.LoadMap(ctx, settings)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	for i := range c.Problems {
		c.Problems[i].File = file
	}
	return c, nil
}

func findEntry(c *mcpconfig.Config, name string) *mcpconfig.Server {
	for i := range c.Servers {
		if c.Servers[i].Name == name {
			return &c.Servers[i]
		}
	}
	return nil
}

// configured replaces the name of a server in args by its URL, and applies what the files of
// --config say about it. Flags take precedence.
func (a *app) configured(ctx context.Context, args []string) ([]string, error) {
	if len(a.flags.config) == 0 || len(args) == 0 {
		return args, nil
	}
	c, err := a.loadConfig(ctx)
	if err != nil {
		return nil, err
	}
	name := args[0]
	s := findEntry(c, name)
	for _, p := range c.Problems {
		switch {
		case p.Server == name && s == nil && p.Fatal:
			return nil, usageError("", "%s", oneLine(p.Error(), 500))
		case p.Server == name || p.Server == "":
			a.con.line(oneLine(p.Error(), 500))
		}
	}
	switch {
	case s == nil:
		return nil, usageError(didYouMean(name, entryNames(c), "list the servers with: "+a.serversHint()), "no server %q in %s",
			oneLine(name, 100), oneLine(strings.Join(a.flags.config, ", "), 200))
	case s.Other != nil:
		return nil, usageError("hawser speaks Streamable HTTP; a gateway such as supergateway makes other servers reachable",
			"the server %q is a %s server", oneLine(name, 100), s.Other.Kind)
	case s.Disabled:
		return nil, usageError("enable it in the file", "the server %q is disabled", oneLine(name, 100))
	}
	a.config, a.entry = c, s
	if err := a.applyEntry(); err != nil {
		return nil, err
	}
	return append([]string{s.URL}, args[1:]...), nil
}

func entryNames(c *mcpconfig.Config) []string {
	names := make([]string, len(c.Servers))
	for i := range c.Servers {
		names[i] = c.Servers[i].Name
	}
	return names
}

// applyEntry sets the flags that the user did not set from a.entry.
func (a *app) applyEntry() error {
	f, o := &a.flags.auth, a.entry.OAuth
	if len(a.entry.HeadersFromEnv) > 0 && a.flags.executor == "" && a.entry.Executor == "" && !isSet(a.env, executorVariable) {
		return usageError("add an executor for this server to the file, or use --executor",
			"the headers %s come from the environment of an executor, but this server has no executor",
			oneLine(strings.Join(slices.Sorted(maps.Keys(a.entry.HeadersFromEnv)), ", "), 200))
	}
	if o == nil || o.Off {
		return nil
	}
	if f.clientID == "" {
		f.clientID, a.clientSecret = o.ClientID, o.ClientSecret
		a.con.hide(o.ClientSecret)
	}
	if len(f.scopes) == 0 {
		f.scopes = o.Scopes
	}
	if f.callback == "" && f.port == 0 {
		f.callback, f.port = o.RedirectURI, o.CallbackPort
		if f.callback != "" {
			f.port = 0
		}
	}
	return a.checkAuth()
}

// entryHeader returns the headers that the configuration adds to each request.
func (a *app) entryHeader() http.Header {
	if a.entry == nil {
		return make(http.Header)
	}
	header := a.entry.Header.Clone()
	for _, values := range header {
		for _, value := range values {
			a.hideHeader(value)
		}
	}
	if header == nil {
		header = make(http.Header)
	}
	return header
}

// headersFromEnv returns what the configuration says about headers that executors fill in.
func headersFromEnv(servers ...*mcpconfig.Server) (fields []executor.HeaderFromEnv) {
	for _, s := range servers {
		u, err := url.Parse(s.URL)
		if err != nil {
			continue
		}
		origin := (&url.URL{Scheme: u.Scheme, Host: u.Host}).String()
		for _, name := range slices.Sorted(maps.Keys(s.HeadersFromEnv)) {
			fields = append(fields, executor.HeaderFromEnv{Origin: origin, Name: name, Variable: s.HeadersFromEnv[name]})
		}
	}
	return fields
}

// typed returns the flags that the user typed, without what the configuration adds.
func (a *app) typed() *flags {
	if a.entry != nil {
		return &a.given
	}
	return &a.flags
}

// configFlags returns the flags of --config, for hints.
func (a *app) configFlags() (words []string) {
	for _, file := range a.flags.config {
		words = append(words, "--config", shellWord(file))
	}
	return words
}

func (a *app) serversHint() string {
	return strings.Join(append([]string{"hawser", "servers"}, a.configFlags()...), " ")
}

// target returns the server as an argument of a command, for hints.
func (a *app) target() string {
	if a.entry == nil {
		return a.shown
	}
	return strings.Join(append([]string{shellWord(a.entry.Name)}, a.configFlags()...), " ")
}

// mayUse returns an error if the configuration does not allow a tool.
func (a *app) mayUse(tool string) error {
	switch {
	case a.entry == nil:
		return nil
	case !a.entry.Allows(tool):
		return usageError("change allow or deny of this server in the file", "the configuration does not allow the tool %s", oneLine(tool, 100))
	case a.entry.Rule(tool) == mcpconfig.Never:
		return usageError("change the approve rules of this server in the file", "the configuration never approves calls of the tool %s",
			oneLine(tool, 100))
	}
	return nil
}
