package main

import (
	"context"
	"strings"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/spf13/cobra"

	"github.com/hawser-mcp/hawser/mcpclient"
)

func (a *app) promptsCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "prompts URL", Short: "List the server's prompts with their arguments"}
	return a.serverCommand(cmd, 1, 1, func(ctx context.Context, args []string) error {
		s, err := a.connect(ctx, args[0], listHandlers())
		if err != nil {
			return err
		}
		n := 0
		for prompt, err := range s.Prompts(ctx) {
			switch {
			case err != nil && s.Capabilities().Prompts == nil && methodNotFound(err):
				continue
			case err != nil:
				return err
			case a.flags.json:
				a.out.json(prompt.Raw)
			default:
				a.separate(n)
				a.out.item(heading(prompt.Name, prompt.Title, prompt.Description), "  ")
				a.showRows(promptRows(prompt.Arguments))
			}
			n++
		}
		a.tellNone(n, "prompts")
		return nil
	})
}

func promptRows(arguments []mcp.PromptArgument) []row {
	rows := make([]row, len(arguments))
	for i, argument := range arguments {
		rows[i] = row{argument.Name, "", argument.Required, argument.Description}
	}
	return rows
}

func (a *app) promptCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "prompt URL NAME [NAME=VALUE ...]", Short: "Get a prompt with its arguments filled in"}
	cmd.ValidArgsFunction = a.completePrompt
	a.answerFlags(cmd)
	cmd.Flags().BoolVar(&a.flags.noCheck, "no-check", false, "get the prompt without looking it up and checking the arguments first")
	return a.serverCommand(cmd, 2, -1, func(ctx context.Context, args []string) error {
		values, err := textArguments(args[2:])
		if err != nil {
			return err
		}
		handlers, err := a.handlers()
		if err != nil {
			return err
		}
		s, err := a.connect(ctx, args[0], handlers)
		if err != nil {
			return err
		}
		if err := a.checkPrompt(ctx, s, args[1], values); err != nil {
			return err
		}
		res, err := s.GetPrompt(ctx, args[1], values, mcpclient.WithRawResult(), mcpclient.OnProgress(a.con.progress))
		a.con.endProgress()
		switch {
		case err != nil:
			return err
		case a.flags.json:
			a.out.json(res.Raw)
			return nil
		}
		for i, message := range res.Messages {
			a.separate(i)
			a.out.text(oneLine(string(message.Role), 20) + ":")
			a.out.text(a.describe(message.Content))
		}
		a.tellNone(len(res.Messages), "messages for this prompt")
		return nil
	})
}

// checkPrompt checks the name and the arguments of a prompt against the server's list.
func (a *app) checkPrompt(ctx context.Context, s *mcpclient.Session, name string, values map[string]string) error {
	if a.flags.noCheck {
		return nil
	}
	var names []string
	for prompt, err := range s.Prompts(ctx) {
		switch {
		case mcpclient.KindOf(err) == mcpclient.KindServer: // some servers do not list their prompts
			a.log.Warn("the arguments were not checked", "error", err)
			return nil
		case err != nil:
			return err
		case prompt.Name == name:
			return checkPromptArguments(&prompt, values)
		}
		names = append(names, prompt.Name)
	}
	return usageError(didYouMean(name, names, "list the prompts with: hawser prompts URL (--no-check skips this check)"),
		"the server has no prompt %s", oneLine(name, 100))
}

func checkPromptArguments(prompt *mcpclient.Prompt, values map[string]string) error {
	known := make(map[string]bool)
	var names, missing []string
	for _, argument := range prompt.Arguments {
		known[argument.Name] = true
		names = append(names, argument.Name)
		if _, given := values[argument.Name]; argument.Required && !given {
			missing = append(missing, oneLine(argument.Name, 60))
		}
	}
	takes := "it takes no arguments"
	if len(names) > 0 {
		takes = "it takes " + oneLine(strings.Join(names, ", "), 300)
	}
	for name := range values {
		if !known[name] {
			return usageError(didYouMean(name, names, takes), "the prompt has no argument %s", oneLine(name, 60))
		}
	}
	if len(missing) > 0 {
		return usageError(takes, "the prompt requires %s", strings.Join(missing, ", "))
	}
	return nil
}
