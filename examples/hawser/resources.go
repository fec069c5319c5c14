package main

import (
	"context"
	"strings"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/spf13/cobra"

	"github.com/hawser-mcp/hawser/mcpclient"
)

func (a *app) resourcesCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "resources URL", Short: "List the server's resources and resource templates"}
	return a.serverCommand(cmd, 1, 1, func(ctx context.Context, args []string) error {
		s, err := a.connect(ctx, args[0], listHandlers())
		if err != nil {
			return err
		}
		n := 0
		for resource, err := range s.Resources(ctx) {
			switch {
			case err != nil && s.Capabilities().Resources == nil && methodNotFound(err):
				continue
			case err != nil:
				return err
			case a.flags.json:
				a.out.json(resource.Raw)
			default:
				a.showResource(resource.URI, resource.Name, resource.MIMEType, resource.Description)
			}
			n++
		}
		for template, err := range s.ResourceTemplates(ctx) {
			switch {
			case methodNotFound(err): // many servers have resources but no templates
				continue
			case err != nil:
				return err
			case a.flags.json:
				a.out.json(template.Raw)
			default:
				a.showResource(template.RawURITemplate, template.Name, template.MIMEType, template.Description)
			}
			n++
		}
		a.tellNone(n, "resources")
		return nil
	})
}

// showResource prints one list entry: a resource or a template.
func (a *app) showResource(uri, name, mime, description string) {
	text := oneLine(uri, 500)
	if mime = oneLine(mime, 80); mime != "" {
		text += " (" + mime + ")"
	}
	a.out.text(text)
	if text = heading(name, "", description); text != "" {
		a.out.item("    "+text, "    ")
	}
}

func (a *app) readCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "read URL URI [NAME=VALUE ...]",
		Short: "Read a resource",
		Long: lines("Read a resource. With name=value, URI is a resource template (RFC 6570) and",
			"these are its variables."),
		Example: lines(`  hawser read https://mcp.example.com/mcp file:///notes.txt`,
			`  hawser read https://mcp.example.com/mcp 'notes://{day}' day=monday`),
	}
	cmd.ValidArgsFunction = a.completeResource
	a.answerFlags(cmd)
	return a.serverCommand(cmd, 2, -1, func(ctx context.Context, args []string) error {
		uri, err := expand(args[1], args[2:])
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
		res, err := s.ReadResource(ctx, uri, mcpclient.WithRawResult(), mcpclient.OnProgress(a.con.progress))
		a.con.endProgress()
		switch {
		case err != nil:
			return err
		case a.flags.json:
			a.out.json(res.Raw)
			for _, contents := range res.Contents {
				a.saveBeside(mcp.EmbeddedResource{Resource: contents})
			}
			return nil
		}
		for _, contents := range res.Contents {
			a.out.text(a.describeContents(contents))
		}
		a.tellNone(len(res.Contents), "contents for this resource")
		return nil
	})
}

// expand expands a URI template. If words is empty, uri must be a plain URI.
func expand(uri string, words []string) (string, error) {
	if len(words) == 0 {
		if strings.ContainsAny(uri, "{}") { // not allowed in a URI (RFC 3986)
			return "", usageError("add NAME=VALUE for each name in braces", "%s is a template, not a URI", oneLine(uri, 300))
		}
		return uri, nil
	}
	texts, err := textArguments(words)
	if err != nil {
		return "", err
	}
	values := make(map[string]any, len(texts))
	for name, value := range texts {
		values[name] = value
	}
	template := mcpclient.ResourceTemplate{RawURITemplate: uri}
	if uri, err = template.Expand(values); err != nil {
		return "", usageError("list the templates with: hawser resources URL", "%v", err)
	}
	return uri, nil
}
