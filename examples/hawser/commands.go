package main

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/hawser-mcp/hawser/mcpclient"
)

// flags are the flags of all commands.
type flags struct {
	headers  []string
	protocol string
	timeout  time.Duration
	json     bool
	verbose  bool
	trace    bool

	cert, key, cacert string
	noCookies         bool

	executor, executorToken string

	config []string

	auth authFlags

	elicit, sample, sampleReply string
	roots                       []string
	logLevel                    string
	save                        string
	noCheck                     bool

	tools, prompts, resources bool
	resource                  []string
}

// rootCommand builds the command line.
func (a *app) rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "hawser",
		Short: "Talk to an MCP server from the command line",
		Long: `hawser talks to an MCP server over HTTP. It lists what the server offers, calls
tools, reads resources, and lets you answer requests of the server.

` + exitHelp,
		Example: `  hawser tools https://mcp.example.com/mcp
  hawser call https://mcp.example.com/mcp search q=gophers limit=3
  hawser call https://mcp.example.com/mcp search '{"q": "gophers"}' --json
  hawser tools https://mcp.example.com/mcp -H 'Authorization: Bearer env:TOKEN'
  hawser call github create_issue title=Bug --config .mcp.json`,
		Version: mcpclient.Version, SilenceErrors: true, SilenceUsage: true,
	}
	f := root.PersistentFlags()
	f.StringArrayVarP(&a.flags.headers, "header", "H", nil,
		"send a header, `'Name: value'`, with each request; env:VARIABLE or @file at the end of the value keeps a secret off the command line")
	f.StringVar(&a.flags.protocol, "protocol", "", "use this protocol `version`, such as 2025-11-25, instead of the newest common one")
	f.DurationVar(&a.flags.timeout, "timeout", 0, "stop after this `time`, such as 30s (default: no limit, but a call ends after 5m of silence)")
	f.BoolVar(&a.flags.json, "json", false,
		"print JSON, one document per line, with results as the server sent them; an error is the last line of stderr")
	f.BoolVarP(&a.flags.verbose, "verbose", "v", false, "log what happens to stderr")
	f.BoolVar(&a.flags.trace, "trace", false, "show each HTTP exchange and event on stderr, without secrets")
	f.StringVar(&a.flags.cert, "cert", "", "a `file` with the client certificate for TLS, in PEM")
	f.StringVar(&a.flags.key, "key", "", "a `file` with the private key of --cert, in PEM (default: in the file of --cert)")
	f.StringVar(&a.flags.cacert, "cacert", "", "a `file` with certificates of authorities to trust besides the system's, in PEM")
	f.BoolVar(&a.flags.noCookies, "no-cookies", false, "drop the cookies that the server sets")
	f.StringArrayVar(&a.flags.config, "config", nil,
		"a `file` with MCP servers, such as .mcp.json or codex's config.toml; the command then takes a server's name instead of its URL; repeatable")
	f.StringVar(&a.flags.executor, "executor", "",
		"send requests through an executor: `ws://HOST:PORT`, wss://… or stdio:COMMAND (default: the variable HAWSER_EXECUTOR)")
	f.StringVar(&a.flags.executorToken, "executor-token-file", "", "a `file` with the token for the executor")
	f.StringVar(&a.flags.auth.clientID, "client-id", "", "the client `id` at the authorization server (default: register a client)")
	f.StringVar(&a.flags.auth.secretFile, "client-secret-file", "", "a `file` with the secret of --client-id")
	f.StringVar(&a.flags.auth.keyFile, "client-key-file", "", "a `file` with the private key (PEM) of --client-id")
	f.StringVar(&a.flags.auth.grant, "grant", "", "`client-credentials`: get tokens as the client itself, without a user")
	f.StringArrayVar(&a.flags.auth.scopes, "scope", nil, "another `scope` to request; repeatable")
	f.StringArrayVar(&a.flags.auth.params, "auth-param", nil,
		"add a parameter, `NAME=VALUE`, to the URL of the login page, such as access_type=offline; repeatable")
	f.StringVar(&a.flags.auth.callback, "callback", "",
		"the `URL` on this machine to which the login page returns, as registered for --client-id: http://localhost:PORT/PATH")
	f.BoolVar(&a.flags.auth.noResource, "no-resource", false,
		"do not tell the authorization server for which MCP server a token is; only if it refuses that with invalid_target")
	f.StringVar(&a.flags.auth.store, "store", "", "store tokens in this `directory` (default: hawser/oauth in your configuration directory)")
	root.AddCommand(a.loginCommand(), a.logoutCommand(), a.whoamiCommand(), a.serversCommand(), a.toolsCommand(), a.callCommand(), a.resourcesCommand(),
		a.readCommand(), a.promptsCommand(), a.promptCommand(), a.completeCommand(), a.pingCommand(), a.listenCommand())
	root.SetUsageTemplate(usageTemplate(root.UsageTemplate(), a.env.width))
	for _, name := range []string{"header", "protocol", "timeout", "executor", "client-id", "scope", "auth-param", "callback"} {
		_ = root.RegisterFlagCompletionFunc(name, cobra.NoFileCompletions) // the flags exist
	}
	return root
}

// usageTemplate returns cobra's usage template, changed to wrap lines at the terminal's width.
func usageTemplate(template string, columns int) string {
	const usual, widest = 80, 110
	if columns <= 0 {
		columns = usual
	}
	return strings.ReplaceAll(template, "Flags.FlagUsages |", fmt.Sprintf("Flags.FlagUsagesWrapped %d |", min(columns, widest)))
}

// serverCommand completes a command that connects to a server. The command takes least to most
// arguments, and the first is the URL. If most is negative, there is no maximum.
func (a *app) serverCommand(cmd *cobra.Command, least, most int, run func(ctx context.Context, args []string) error) *cobra.Command {
	cmd.DisableFlagsInUseLine = true
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		switch n := len(args); {
		case n == 0 && least == 0 && len(a.flags.config) > 0:
			return nil
		case n == 0 && most == 0:
			return usageError("usage: hawser "+cmd.Use+" --config FILE", "%s needs a file with --config", cmd.Name())
		case n == 0 && len(a.flags.config) > 0:
			return usageError("list the servers with: "+a.serversHint(), "%s needs the name of a server", cmd.Name())
		case n == 0:
			return usageError("usage: hawser "+cmd.Use, "%s needs the URL of a server", cmd.Name())
		case n < least:
			return usageError("usage: hawser "+cmd.Use, "%s needs %s", cmd.Name(), missing(cmd.Use, n))
		case most >= 0 && n > most:
			return usageError("usage: hawser "+cmd.Use, "%s: unexpected argument %q", cmd.Name(), oneLine(args[most], 60))
		}
		return nil
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		a.running = true
		handler := slog.DiscardHandler
		if a.flags.verbose {
			handler = slog.NewTextHandler(a.con, &slog.HandlerOptions{Level: slog.LevelDebug})
		}
		a.log = slog.New(handler)
		if err := a.checkFlags(); err != nil {
			return err
		}
		ctx := cmd.Context()
		if a.flags.timeout > 0 {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeoutCause(ctx, a.flags.timeout, errTimeIsUp)
			defer cancel()
		}
		defer a.hangUp()
		a.given = a.flags
		args, err := a.configured(ctx, args)
		if err != nil {
			return err
		}
		if err = run(ctx, args); len(args) > 0 {
			a.investigate(ctx, args[0], err)
		}
		return err
	}
	return cmd
}

// missing describes the argument that is missing after the first n, by its name in the usage line.
func missing(use string, n int) string {
	if words := strings.Fields(use); n+1 < len(words) && strings.Trim(words[n+1], "ABCDEFGHIJKLMNOPQRSTUVWXYZ-") == "" {
		return words[n+1] + " after " + words[n]
	}
	return "more arguments"
}

// logLevels are the log levels of the protocol, from least to most severe.
var logLevels = []string{"debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"}

// checkFlags checks flag values beyond what their types require.
func (a *app) checkFlags() error {
	switch {
	case a.flags.timeout < 0:
		return usageError("", "--timeout must not be negative")
	case !slices.Contains([]string{"", modeAsk, modeAccept, modeDecline}, a.flags.elicit):
		return usageError("--elicit takes ask, accept or decline", "invalid value %q for --elicit", oneLine(a.flags.elicit, 40))
	case !slices.Contains([]string{"", modeAsk, modeDecline}, a.flags.sample):
		return usageError("--sample takes ask or decline; --sample-reply takes a text", "invalid value %q for --sample", oneLine(a.flags.sample, 40))
	case a.flags.logLevel != "" && !slices.Contains(logLevels, a.flags.logLevel):
		return usageError("the levels are "+strings.Join(logLevels, ", "), "invalid value %q for --log-level", oneLine(a.flags.logLevel, 40))
	}
	if err := a.checkAuth(); err != nil {
		return err
	}
	return a.checkSave()
}

// answerFlags adds the flags for commands during which the server may send requests and log
// messages.
func (a *app) answerFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&a.flags.elicit, "elicit", "",
		"how to answer forms and URLs: `ask|accept|decline`; accept sends forms with their defaults (default: ask on a terminal, else decline)")
	f.StringVar(&a.flags.sample, "sample", "",
		"how to answer requests for a model's message: `ask|decline`; ask lets you type it (default as for --elicit)")
	f.StringVar(&a.flags.sampleReply, "sample-reply", "", "answer every request for a model's message with this `text`")
	f.StringArrayVar(&a.flags.roots, "root", nil, "a `directory` that the server may work on; repeatable")
	f.StringVar(&a.flags.logLevel, "log-level", "", "request log messages from this `level` on: debug, info, notice, warning, error, …")
	f.StringVar(&a.flags.save, "save", "", "save images, audio and other binary content to this `directory`")
	fixed := func(values ...string) func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp)
	}
	_ = cmd.RegisterFlagCompletionFunc("elicit", fixed(modeAsk, modeAccept, modeDecline)) // the flags exist
	_ = cmd.RegisterFlagCompletionFunc("sample", fixed(modeAsk, modeDecline))
	_ = cmd.RegisterFlagCompletionFunc("sample-reply", cobra.NoFileCompletions)
	_ = cmd.RegisterFlagCompletionFunc("log-level", fixed(logLevels...))
}

func lines(text ...string) string { return strings.Join(text, "\n") }
