package main

import (
	"context"
	"encoding/json"
	"errors"
	"strings"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/spf13/cobra"

	"github.com/hawser-mcp/hawser/mcpclient"
)

func (a *app) callCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "call URL TOOL [JSON | NAME=VALUE ...]",
		Short: "Call a tool",
		Long: lines("Call a tool of the server. hawser checks the arguments against the tool's schema",
			"first.", "",
			"  name=value   text or, depending on the schema, JSON: limit=3, all=true",
			"  name:=JSON   JSON, whatever the schema says",
			"  name=@file   the value from a file; name:=@file for JSON from a file",
			"  '{...}'      all arguments as one JSON object",
			"  -            the same, from stdin", "",
			"Ctrl-C cancels the call and notifies the server. A second Ctrl-C exits at once.", "", exitHelp),
		Example: lines(`  hawser call https://mcp.example.com/mcp search q=gophers limit=3`,
			`  hawser call https://mcp.example.com/mcp search '{"q": "gophers"}'`,
			`  echo '{"q": "gophers"}' | hawser call https://mcp.example.com/mcp search -`),
	}
	cmd.ValidArgsFunction = a.completeTool
	a.answerFlags(cmd)
	cmd.Flags().BoolVar(&a.flags.noCheck, "no-check", false, "call the tool without looking it up and checking the arguments first")
	return a.serverCommand(cmd, 2, -1, func(ctx context.Context, args []string) error { return a.call(ctx, args[0], args[1], args[2:]) })
}

func (a *app) call(ctx context.Context, endpoint, name string, words []string) error {
	if err := a.mayUse(name); err != nil {
		return err
	}
	handlers, err := a.handlers()
	if err != nil {
		return err
	}
	var document json.RawMessage
	switch {
	case jsonArguments(words):
		if document, err = a.documentArguments(ctx, words[0]); err != nil {
			return err
		}
	case len(words) > 0 && strings.HasPrefix(words[0], "{"):
		return usageError(`quote the JSON for the shell: '{"name": "value"}'`, "expected one JSON object, got %d words", len(words))
	default:
		if _, err := readPairs(words); err != nil {
			return err
		}
	}
	s, err := a.connect(ctx, endpoint, handlers)
	if err != nil {
		return err
	}
	arguments, err := a.toolArguments(ctx, s, name, words, document)
	if err != nil {
		return err
	}
	res, err := s.CallTool(ctx, name, arguments, mcpclient.WithRawResult(), mcpclient.OnProgress(a.con.progress))
	a.con.endProgress()
	if err != nil {
		return err
	}
	return a.showResult(name, res)
}

// showResult prints the result of a tool. It returns an error if the tool failed.
func (a *app) showResult(name string, res *mcpclient.CallToolResult) error {
	failed := &failure{code: exitTool, cause: "the tool " + oneLine(name, 100) + " failed"}
	if a.flags.json {
		a.out.json(res.Raw)
		a.saveBeside(res.Content...)
		if res.IsError {
			return failed
		}
		return nil
	}
	text := a.resultText(res)
	switch {
	case res.IsError && text != "":
		a.con.line(text)
		return failed
	case res.IsError:
		return failed
	case text == "" && len(res.Content) == 0:
		a.con.line("(the tool returned nothing)")
	default:
		a.out.text(text)
	}
	return nil
}

// toolArguments returns the tool's arguments as JSON, checked against the tool's schema.
func (a *app) toolArguments(
	ctx context.Context, s *mcpclient.Session, name string, words []string, document json.RawMessage,
) (json.RawMessage, error) {
	var tool *mcpclient.Tool
	var schema *inputSchema
	if !a.flags.noCheck {
		found, names, err := findTool(ctx, s, name)
		switch {
		case err != nil && mcpclient.KindOf(err) != mcpclient.KindServer:
			return nil, err
		case err != nil: // some servers do not list their tools
			a.log.Warn("the arguments were not checked", "error", err)
		case found == nil:
			return nil, usageError(didYouMean(name, names, "list the tools with: hawser tools URL (--no-check skips this check)"),
				"the server has no tool %s", oneLine(name, 100))
		default:
			if found.Execution != nil && found.Execution.TaskSupport == mcp.TaskSupportRequired {
				return nil, usageError("", "the tool %s runs only as a task, which hawser does not support", oneLine(name, 100))
			}
			tool = found
			known := readSchema(tool.RawInputSchema)
			schema = &known
		}
	}
	arguments := document
	if arguments == nil {
		var err error
		if arguments, err = pairArguments(words, schema); err != nil {
			return nil, err
		}
	}
	if tool == nil {
		return arguments, nil
	}
	return arguments, a.checkArguments(tool, schema, arguments)
}

// checkArguments validates arguments before they are sent.
func (a *app) checkArguments(tool *mcpclient.Tool, schema *inputSchema, arguments json.RawMessage) error {
	err := tool.CheckArguments(arguments)
	var mismatch *mcpclient.SchemaError
	if !errors.As(err, &mismatch) {
		if err != nil {
			a.log.Warn("the tool's schema is unusable; only the server checks the arguments", "error", err)
		}
		return nil
	}
	const most = 3
	var problems []string
	for i, p := range mismatch.Problems {
		if i == most {
			problems = append(problems, "…")
			break
		}
		text := oneLine(p.Reason, 200)
		if p.Path != "" {
			text = oneLine(strings.TrimPrefix(p.Path, "/"), 100) + ": " + text
		}
		problems = append(problems, text)
	}
	hint := schema.summary()
	for _, m := range members(arguments) {
		if schema.find(m.name) == nil && !schema.open {
			if near := closest(m.name, schema.names()); near != "" {
				hint = "argument " + oneLine(m.name, 60) + ": did you mean " + oneLine(near, 60) + "?"
				break
			}
		}
	}
	return usageError(hint, "invalid arguments for the tool %s: %s", oneLine(tool.Name, 100), strings.Join(problems, "; "))
}
