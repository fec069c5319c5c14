package main

import (
	"context"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/hawser-mcp/hawser/mcpclient"
)

func (a *app) toolsCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "tools URL", Short: "List the server's tools with their arguments; with --config and no name, those of all servers"}
	return a.serverCommand(cmd, 0, 1, func(ctx context.Context, args []string) error {
		if len(args) == 0 {
			return a.toolsOfAll(ctx)
		}
		s, err := a.connect(ctx, args[0], listHandlers())
		if err != nil {
			return err
		}
		n := 0
		for tool, err := range s.Tools(ctx) {
			switch {
			case err != nil && s.Capabilities().Tools == nil && methodNotFound(err):
				continue
			case err != nil:
				return err
			case a.entry != nil && !a.entry.Allows(tool.Name):
				continue
			case a.flags.json:
				a.out.json(tool.Raw)
			default:
				a.showTool(&tool, n)
			}
			n++
		}
		a.tellNone(n, "tools")
		return nil
	})
}

// tellNone prints a note on stderr if a list is empty.
func (a *app) tellNone(n int, what string) {
	if n == 0 {
		a.con.line("this server has no " + what)
	}
}

// separate prints an empty line before each item of a list except the first. n is the number of
// items before it.
func (a *app) separate(n int) {
	if n > 0 {
		a.out.text("")
	}
}

func (a *app) showTool(tool *mcpclient.Tool, n int) {
	a.separate(n)
	a.out.item(heading(tool.Name, tool.Title, tool.Description), "  ")
	schema := readSchema(tool.RawInputSchema)
	rows := make([]row, len(schema.properties))
	for i := range schema.properties {
		p := &schema.properties[i]
		rows[i] = row{p.name, p.kind(), p.required, p.description}
	}
	a.showRows(rows)
}

// heading returns a name with a one-line description.
func heading(name, title, description string) string {
	text := oneLine(name, 200)
	if description == "" {
		description = title
	}
	if description = oneLine(description, 200); description != "" {
		text += " - " + description
	}
	return text
}

// row is an argument of a tool or a prompt.
type row struct {
	name, kind  string
	required    bool
	description string
}

// showRows lists arguments in columns.
func (a *app) showRows(rows []row) {
	const widest = 30
	names, kinds := 0, 0
	for i := range rows {
		r := &rows[i]
		r.name = oneLine(r.name, 100)
		if r.required {
			r.kind = strings.TrimPrefix(r.kind+", required", ", ")
		}
		names, kinds = max(names, utf8.RuneCountInString(r.name)), max(kinds, utf8.RuneCountInString(r.kind))
	}
	names, kinds = min(names, widest), min(kinds, widest)
	indent := strings.Repeat(" ", len("    ")+names+len("  ")+kinds+len("  "))
	if 2*len(indent) > a.out.wide {
		indent = "        "
	}
	for _, r := range rows {
		text := fmt.Sprintf("    %-*s  %-*s  %s", names, r.name, kinds, r.kind, oneLine(r.description, 200))
		a.out.item(strings.TrimRight(text, " "), indent)
	}
}

// findTool returns the named tool from the server's list. If the tool is not listed, found is nil
// and names contains the names of all tools.
func findTool(ctx context.Context, s *mcpclient.Session, name string) (found *mcpclient.Tool, names []string, err error) {
	for tool, err := range s.Tools(ctx) {
		if err != nil {
			return nil, nil, err
		}
		if tool.Name == name {
			return &tool, nil, nil
		}
		names = append(names, tool.Name)
	}
	return nil, names, nil
}
