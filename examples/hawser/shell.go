package main

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/hawser-mcp/hawser/mcpclient"
)

// shellPatience is the timeout for the server's answer after the user presses Tab. Tests increase
// it for busy machines.
var shellPatience = 2 * time.Second

// shellSafe matches names that need no quoting in a shell. Other names are not completed.
var shellSafe = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_./:@%+-]{0,200}$`)

// shellURL escapes the characters of a URL that are special in a shell. Hints show URLs in commands
// that users copy, and a server may have chosen the URL.
func shellURL(text string) string {
	var b strings.Builder
	for _, c := range []byte(text) {
		if c <= ' ' || c > '~' || strings.IndexByte("!\"#$&'()*;<>?\\^`{|}", c) >= 0 {
			fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// proposals returns names from the server for shell completion. It prints no errors, since the user
// is editing a command line.
func (a *app) proposals(args []string, at int, names func(ctx context.Context, s *mcpclient.Session) []string) ([]string, cobra.ShellCompDirective) {
	ctx, cancel := context.WithTimeout(context.Background(), shellPatience)
	defer cancel()
	a.con.w = discard{}
	if len(args) < at {
		return a.proposeServers(ctx, args), cobra.ShellCompDirectiveNoFileComp
	}
	a.given = a.flags
	args, err := a.configured(ctx, args)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	s, err := a.connect(ctx, args[0], listHandlers())
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	defer a.hangUp()
	var safe []string
	for _, name := range names(ctx, s) {
		if shellSafe.MatchString(name) {
			safe = append(safe, name)
		}
	}
	directive := cobra.ShellCompDirectiveNoFileComp
	if len(args) > 1 { // argument names; a value follows
		for i := range safe {
			safe[i] += "="
		}
		directive |= cobra.ShellCompDirectiveNoSpace
	}
	return safe, directive
}

// proposeServers returns the names of the servers of --config for the first argument.
func (a *app) proposeServers(ctx context.Context, args []string) (safe []string) {
	if len(args) > 0 || len(a.flags.config) == 0 {
		return nil
	}
	c, err := a.loadConfig(ctx)
	if err != nil {
		return nil
	}
	for _, name := range entryNames(c) {
		if shellSafe.MatchString(name) {
			safe = append(safe, name)
		}
	}
	return safe
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }

// completeTool completes tool names, then argument names.
func (a *app) completeTool(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	return a.proposals(args, 1, func(ctx context.Context, s *mcpclient.Session) (names []string) {
		if len(args) > 1 {
			tool, _, err := findTool(ctx, s, args[1])
			if err != nil || tool == nil {
				return nil
			}
			schema := readSchema(tool.RawInputSchema)
			return schema.names()
		}
		for tool, err := range s.Tools(ctx) {
			if err == nil {
				names = append(names, tool.Name)
			}
		}
		return names
	})
}

// completePrompt completes prompt names, then argument names.
func (a *app) completePrompt(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	return a.proposals(args, 1, func(ctx context.Context, s *mcpclient.Session) (names []string) {
		for prompt, err := range s.Prompts(ctx) {
			switch {
			case err != nil:
				return names
			case len(args) == 1:
				names = append(names, prompt.Name)
			case prompt.Name == args[1]:
				for _, argument := range prompt.Arguments {
					names = append(names, argument.Name)
				}
				return names
			}
		}
		return names
	})
}

// completeResource completes the URIs of resources.
func (a *app) completeResource(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 1 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return a.proposals(args, 1, func(ctx context.Context, s *mcpclient.Session) (names []string) {
		for resource, err := range s.Resources(ctx) {
			if err == nil {
				names = append(names, resource.URI)
			}
		}
		return names
	})
}
