package main

import (
	"context"
	"errors"
	"strings"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/hawser-mcp/hawser/mcpclient"
)

// Modes for answering requests from the server.
const (
	modeAsk     = "ask"
	modeAccept  = "accept"
	modeDecline = "decline"
)

// modeOf returns the mode for a value of --elicit or --sample. The default is to ask the user, or
// to decline without a terminal.
func (a *app) modeOf(flag string) string {
	switch {
	case flag != "":
		return flag
	case a.env.person:
		return modeAsk
	}
	return modeDecline
}

// asker returns the server's claimed name and its host, for the user.
func (a *app) asker(s *mcpclient.Session) string {
	if name := oneLine(s.ServerInfo().Name, 60); name != "" {
		return name + " (" + a.host + ")"
	}
	return a.host
}

// elicitForm answers a form from the server.
func (a *app) elicitForm(ctx context.Context, s *mcpclient.Session, r *mcpclient.FormRequest) (*mcp.ElicitationResult, error) {
	switch a.modeOf(a.flags.elicit) {
	case modeDecline:
		a.tellDeclined("a form", a.flags.elicit, "--elicit")
		return mcpclient.DeclineElicitation(), nil
	case modeAccept:
		return a.acceptDefaults(s, r), nil
	}
	d, err := a.desk.take(ctx)
	if err != nil {
		return nil, err
	}
	defer d.done()
	content, err := d.fillIn(a.asker(s), r)
	switch {
	case errors.Is(err, errDeclined):
		return mcpclient.DeclineElicitation(), nil
	case errors.Is(err, errClosed):
		return mcpclient.CancelElicitation(), nil
	case err != nil:
		return nil, err
	}
	return mcpclient.AcceptElicitation(content), nil
}

// tellDeclined prints a note, once, that a request was declined. It prints nothing if a flag chose
// to decline.
func (a *app) tellDeclined(what, flag, name string) {
	if flag == "" {
		a.con.once("note: the server requested " + what + "; declined without a terminal (see " + name + ")")
	}
}

// acceptDefaults accepts a form with its default values. It declines the form if the defaults are
// invalid or incomplete.
func (a *app) acceptDefaults(s *mcpclient.Session, r *mcpclient.FormRequest) *mcp.ElicitationResult {
	content := r.Form.Defaults()
	if content == nil {
		content = map[string]any{}
	}
	for _, field := range r.Form.Fields {
		if _, ok := content[field.Name]; field.Required && !ok {
			a.con.linef("note: declined a form of %s: %s is required and has no default (use --elicit ask, which also reads piped stdin)",
				a.asker(s), oneLine(field.Name, 60))
			return mcpclient.DeclineElicitation()
		}
	}
	if err := r.Form.Validate(content); err != nil {
		a.con.linef("note: declined a form of %s: its defaults are invalid: %s", a.asker(s), oneLine(err.Error(), 200))
		return mcpclient.DeclineElicitation()
	}
	a.con.linef("note: accepted a form of %s with its defaults: %s", a.asker(s), oneLine(r.Message, 200))
	return mcpclient.AcceptElicitation(content)
}

// elicitURL asks the user to visit a URL. It never opens the URL itself, since the user may not
// want that.
func (a *app) elicitURL(ctx context.Context, s *mcpclient.Session, r *mcpclient.URLRequest) (*mcp.ElicitationResult, error) {
	if mode := a.modeOf(a.flags.elicit); mode != modeAsk {
		if mode == modeAccept {
			a.con.linef("note: %s requested a visit to %s; declined, since only a user can consent", a.asker(s), urlText(r))
		} else {
			a.tellDeclined("a visit to a URL", a.flags.elicit, "--elicit")
		}
		return mcpclient.DeclineElicitation(), nil
	}
	d, err := a.desk.take(ctx)
	if err != nil {
		return nil, err
	}
	defer d.done()
	d.say("\n" + a.asker(s) + " asks you to visit a URL:")
	d.quote(r.Message)
	d.con.say("  host:    ")
	d.con.emphasise(r.URL.Hostname())
	d.say("\n  URL:     " + urlText(r))
	for _, warning := range r.Warnings {
		d.say("  warning: " + oneLine(warning, 300))
	}
	d.say("hawser does not open it. What you do there is between you and that page.")
	answer, err := d.choose("Do you agree to visit it? [y]es, [d]ecline, [c]ancel: ", false, "yes", "decline", "cancel")
	switch {
	case errors.Is(err, errDeclined) || answer == "decline":
		return mcpclient.DeclineElicitation(), nil
	case errors.Is(err, errClosed) || answer == "cancel":
		return mcpclient.CancelElicitation(), nil
	case err != nil:
		return nil, err
	}
	d.say("Open it in your browser now: " + urlText(r))
	return mcpclient.AcceptElicitation(nil), nil
}

// urlText returns the whole URL on one line.
func urlText(r *mcpclient.URLRequest) string {
	return strings.Join(strings.Fields(clean(r.URL.String())), "%20")
}
