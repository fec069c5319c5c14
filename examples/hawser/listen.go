package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/hawser-mcp/hawser/mcpclient"
)

func (a *app) listenCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "listen URL",
		Short: "Print changes that the server reports until Ctrl-C",
		Long: lines("Print a line for each event: a list changed, a resource was updated, or events",
			"may have been missed. Without a flag, report changes of all three lists. With",
			"--timeout, exit with code 0 when the time is up."),
	}
	f := cmd.Flags()
	f.BoolVar(&a.flags.tools, "tools", false, "report changes of the list of tools")
	f.BoolVar(&a.flags.prompts, "prompts", false, "report changes of the list of prompts")
	f.BoolVar(&a.flags.resources, "resources", false, "report changes of the list of resources")
	f.StringArrayVar(&a.flags.resource, "resource", nil, "report updates of the resource with this `URI`; repeatable")
	_ = cmd.RegisterFlagCompletionFunc("resource", cobra.NoFileCompletions) // the flag exists
	return a.serverCommand(cmd, 1, 1, func(ctx context.Context, args []string) error {
		err := a.listen(ctx, args[0])
		if a.session != nil && errors.Is(context.Cause(ctx), errTimeIsUp) {
			return nil // --timeout ends the subscription, which is no error
		}
		return err
	})
}

func (a *app) listen(ctx context.Context, endpoint string) error {
	filter := mcpclient.Filter{
		ToolsChanged: a.flags.tools, PromptsChanged: a.flags.prompts, ResourcesChanged: a.flags.resources, Resources: a.flags.resource,
	}
	if !filter.ToolsChanged && !filter.PromptsChanged && !filter.ResourcesChanged && len(filter.Resources) == 0 {
		filter.ToolsChanged, filter.PromptsChanged, filter.ResourcesChanged = true, true, true
	}
	s, err := a.connect(ctx, endpoint, mcpclient.Handlers{Log: a.serverLog})
	if err != nil {
		return err
	}
	l, err := s.Listen(ctx, filter)
	if err != nil {
		return err
	}
	defer l.Close()
	honored := filterText(l.Honored())
	if honored == "" {
		return &failure{code: exitRefused, cause: "the server reports none of the requested changes: " + filterText(filter)}
	}
	a.con.line("listening for changes of " + honored + "; press Ctrl-C to stop")
	for event := range l.Events() {
		if err := a.showEvent(event); err != nil {
			return err
		}
	}
	return listenEnd(ctx, l.Err())
}

// listenFailure completes the failure for a subscription that could not start.
func (a *app) listenFailure(e *mcpclient.Error, end *mcpclient.ListenError, f failure) failure {
	reports := end.Reason == mcpclient.EndRefused && (e.Kind == mcpclient.KindHTTP || e.Kind == mcpclient.KindServer)
	if !reports || isLimited(e) {
		return f
	}
	f.code = exitRefused
	f.cause = oneLine("the server refused the subscription: "+end.Err.Error(), 500)
	f.hint = "the server does not report these changes; list again when you need to know: hawser tools " + a.target()
	return f
}

// listenEnd converts the error that ended a subscription into the command's error.
func listenEnd(ctx context.Context, err error) error {
	var end *mcpclient.ListenError
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case !errors.As(err, &end):
		return err
	}
	switch end.Reason {
	case mcpclient.EndCompleted:
		return nil
	case mcpclient.EndLost:
		return &failure{code: exitNotRun, cause: oneLine(end.Error(), 300), hint: "check that the server is still running"}
	default:
		return &failure{code: exitRefused, cause: oneLine(end.Error(), 300)}
	}
}

func filterText(f mcpclient.Filter) string {
	var parts []string
	if f.ToolsChanged {
		parts = append(parts, "tools")
	}
	if f.PromptsChanged {
		parts = append(parts, "prompts")
	}
	if f.ResourcesChanged {
		parts = append(parts, "resources")
	}
	for _, uri := range f.Resources {
		parts = append(parts, oneLine(uri, 200))
	}
	return strings.Join(parts, ", ")
}

// eventNames maps event kinds to their names in JSON output.
var eventNames = map[mcpclient.ListenEventKind]string{
	mcpclient.ListenToolsChanged: "tools_changed", mcpclient.ListenPromptsChanged: "prompts_changed",
	mcpclient.ListenResourcesChanged: "resources_changed", mcpclient.ListenResourceUpdated: "resource_updated",
	mcpclient.ListenMissedEvents: "missed_events",
}

func (a *app) showEvent(event mcpclient.ListenEvent) error {
	now, name := a.env.now(), eventNames[event.Kind]
	cause := ""
	if event.Cause != nil {
		cause = event.Cause.Error()
	}
	if a.flags.json {
		return a.out.value(struct {
			Time  string `json:"time"`
			Event string `json:"event"`
			URI   string `json:"uri,omitempty"`
			Cause string `json:"cause,omitempty"`
		}{now.UTC().Format(time.RFC3339Nano), name, event.URI, cause})
	}
	text := strings.ReplaceAll(name, "_", " ")
	if event.URI != "" {
		text += " " + oneLine(event.URI, 500)
	}
	if event.Kind == mcpclient.ListenMissedEvents {
		text += "; read again what matters"
		if cause != "" {
			text += " (" + oneLine(cause, 200) + ")"
		}
	}
	a.out.text(fmt.Sprintf("%s %s", now.Format(time.TimeOnly), text))
	return nil
}
