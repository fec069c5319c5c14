package main

import (
	"context"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/spf13/cobra"

	"github.com/hawser-mcp/hawser/mcpclient"
)

func (a *app) completeCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "complete URL (prompt NAME | template URI-TEMPLATE) ARGUMENT VALUE [NAME=VALUE ...]",
		Short: "Complete the value of an argument",
		Long: lines("Ask the server for values that begin with VALUE, for an argument of a prompt or",
			"a variable of a resource template. Use '' for an empty VALUE. Add name=value for",
			"each argument whose value is already known."),
		Example: lines(`  hawser complete https://mcp.example.com/mcp prompt greet language fr`,
			`  hawser complete https://mcp.example.com/mcp template 'notes://{day}' day mon`),
	}
	cmd.ValidArgsFunction = func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) == 1 {
			return []string{"prompt", "template"}, cobra.ShellCompDirectiveNoFileComp
		}
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return a.serverCommand(cmd, 5, -1, func(ctx context.Context, args []string) error {
		params := mcp.CompleteParams{Argument: mcp.CompleteArgument{Name: args[3], Value: args[4]}}
		switch args[1] {
		case "prompt":
			params.Ref = mcpclient.PromptRef(args[2])
		case "template":
			params.Ref = mcpclient.TemplateRef(args[2])
		default:
			return usageError("usage: hawser "+cmd.Use, "expected prompt or template, got %q", oneLine(args[1], 60))
		}
		values, err := textArguments(args[5:])
		if err != nil {
			return err
		}
		params.Context.Arguments = values
		s, err := a.connect(ctx, args[0], listHandlers())
		if err != nil {
			return err
		}
		res, err := s.Complete(ctx, params)
		switch {
		case err != nil:
			return err
		case a.flags.json:
			return a.out.value(res.CompleteResult)
		}
		for _, value := range res.Completion.Values {
			a.out.text(oneLine(value, 1000))
		}
		switch n := len(res.Completion.Values); {
		case n == 0:
			a.con.line("no completions")
		case res.HasTotal && res.Completion.Total > n:
			a.con.linef("(%d of %d)", n, res.Completion.Total)
		case res.Completion.HasMore:
			a.con.line("(there are more)")
		}
		return nil
	})
}
