package main

import (
	"encoding/json"
	"errors"
	"slices"

	"github.com/hawser-mcp/hawser/mcpclient"
)

// problem is an error as JSON. With --json, the last line of stderr has it as the member "error".
type problem struct {
	Code         int    `json:"exit_code"`
	Kind         string `json:"kind"`
	Outcome      string `json:"outcome"`
	SafeToRepeat bool   `json:"safe_to_repeat"`
	Tries        int    `json:"tries"`
	Message      string `json:"message"`
	Hint         string `json:"hint,omitempty"`
}

// Values of problem.Outcome.
const (
	outcomeNotRun   = "not_run"
	outcomeAnswered = "answered"
	outcomeUnknown  = "unknown"
)

// problemOf returns the JSON form of f, the failure of a command that returned err.
func problemOf(f failure, err error) problem {
	p := problem{Code: f.code, Kind: codeNames[f.code], Outcome: outcomeNotRun, SafeToRepeat: true, Message: f.cause, Hint: f.hint}
	switch f.code {
	case exitRefused:
		p.Outcome = outcomeAnswered
	case exitTool, exitOutput:
		p.Outcome, p.SafeToRepeat = outcomeAnswered, false
	case exitCancelled:
		p.Outcome, p.SafeToRepeat = outcomeUnknown, false
	}
	var e *mcpclient.Error
	if !errors.As(err, &e) {
		return p
	}
	switch {
	case errors.Is(err, errTimeIsUp):
		p.Kind = kindNames[mcpclient.KindTimeout] // the session only knows that its context ended
	case f.code != exitCancelled:
		p.Kind = kindNames[e.Kind]
	}
	p.SafeToRepeat, p.Tries = mcpclient.SafeToRepeat(e), e.Tries
	switch e.Outcome {
	case mcpclient.NotRun:
		p.Outcome = outcomeNotRun
	case mcpclient.Answered:
		p.Outcome = outcomeAnswered
	default:
		p.Outcome = outcomeUnknown
	}
	return p
}

// report prints a failure: as JSON with --json, else as text.
func (a *app) report(f failure, err error, args []string) {
	if a.flags.json || slices.Contains(args, "--json") { // --json counts even if the command line is invalid
		p := problemOf(f, err)
		p.Message, p.Hint = a.con.masked(clean(p.Message)), a.con.masked(clean(p.Hint))
		text, err := json.Marshal(map[string]problem{"error": p})
		if err == nil { // strings and numbers always encode
			a.con.line(string(text))
		}
		return
	}
	if f.cause != "" {
		if f.code != exitCancelled {
			f.cause = "hawser: " + f.cause
		}
		a.con.line(f.cause)
	}
	if f.hint != "" {
		a.con.line("hint: " + f.hint)
	}
}
