// Package simulation_test plays random histories against a session in fake time and checks the
// promises of the library: no call runs twice, every reported outcome is true, and every call that
// must succeed does.
//
// A History is data, drawn from a seed before the run. Servers, gateways, networks, executors and
// callers follow the history and make no other choices, so a history can be reduced, saved and
// replayed. See "go test -args -help" for the flags.
package simulation_test

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
)

const ms = time.Millisecond

// History prescribes everything that happens in one run.
type History struct {
	Modern    bool   `json:",omitempty"` // revision 2026-07-28; otherwise a session of revision 2025-11-25
	IDs       bool   `json:",omitempty"` // events on the streams of legacy calls have ids
	Prime     bool   `json:",omitempty"` // legacy streams start with an event that has an id
	Resumable bool   `json:",omitempty"` // the server keeps events that have ids
	Loss      string `json:",omitempty"` // how the server reports a lost session, see lossStyles
	Handlers  bool   `json:",omitempty"` // the client handles log messages
	Asks      bool   `json:",omitempty"` // the client answers elicitations
	Way       string `json:",omitempty"` // route to the server: direct if empty, agent, agent-shared, h2
	Streams   int    `json:",omitempty"` // h2: concurrent streams per connection; 0: no limit
	Abort     int    `json:",omitempty"` // h2: the error code of stream resets; 0: INTERNAL_ERROR
	Auth      bool   `json:",omitempty"` // the endpoint requires a token
	Lifetime  span   `json:",omitempty"` // lifetime of access tokens; 0: an hour
	Buffer    int    `json:",omitempty"` // bytes that a connection buffers; 0: 64 KiB
	Idle      span   `json:",omitempty"` // Timeouts.Idle
	Try       span   `json:",omitempty"` // Timeouts.Try
	Intercept string `json:",omitempty"` // what the interceptors do, see interceptors; empty for no interceptors
	CloseAt   span   `json:",omitempty"` // when Close is called; 0: after the calls

	Ops   []Op               `json:",omitempty"`
	Subs  []Sub              `json:",omitempty"`
	Other map[string][]Reply `json:",omitempty"` // replies to requests that belong to no call: by kind, in order
	World []Event            `json:",omitempty"`
}

// Op is one call of a worker. A worker makes its calls one after the other.
type Op struct {
	N        int     `shrink:"-"` // number of the call, from 1
	Worker   int     `shrink:"-"`
	Gap      span    `json:",omitempty"` // pause after the worker's previous call
	Kind     string  `json:",omitempty"` // list or ping; empty: a tool call
	Deadline span    `json:",omitempty"` // deadline of the call's context; 0: none
	Cancel   bool    `json:",omitempty"` // the context is cancelled after Deadline instead of having a deadline
	Total    span    `json:",omitempty"` // WithTotalTimeout
	Progress bool    `json:",omitempty"` // OnProgress
	Harmless bool    `json:",omitempty"` // WithIdempotent
	Size     int     `json:",omitempty"` // size of the call's argument in bytes
	Answer   string  `json:",omitempty"` // what the user does when prompted: decline, cancel, fail or slow; empty: accept
	Replies  []Reply `json:",omitempty"` // one for each try; further tries have no fault
	Resumes  []Reply `json:",omitempty"` // replies to the GETs that resume the streams of the call, in order
}

// Sub is one subscription to a resource.
type Sub struct {
	At  span `json:",omitempty"`
	End span `json:",omitempty"` // how long after At the subscription is closed; 0: never
}

// Event is a change that affects all calls.
type Event struct {
	At   span   `json:",omitempty"`
	Kind string `shrink:"-"` // see (*world).happen
}

// span is a duration that reads well in JSON.
type span time.Duration

func (s span) D() time.Duration             { return time.Duration(s) }
func (s span) String() string               { return time.Duration(s).String() }
func (s span) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

func (s *span) UnmarshalText(text []byte) error {
	d, err := time.ParseDuration(string(text))
	*s = span(d)
	return err
}

// op returns the call with this number, or nil.
func (h *History) op(n int) *Op {
	for i := range h.Ops {
		if h.Ops[i].N == n {
			return &h.Ops[i]
		}
	}
	return nil
}

// clone returns a deep copy.
func (h *History) clone() *History {
	c := new(History)
	if err := json.Unmarshal(h.encode(), c); err != nil {
		panic(err) // encode has just produced this JSON
	}
	return c
}

func (h *History) encode() []byte {
	data, err := json.MarshalIndent(h, "", " ")
	if err != nil {
		panic(err) // a History is plain data
	}
	return append(data, '\n')
}

// load reads a saved history.
func load(file string) (*History, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	h := new(History)
	if err := json.Unmarshal(data, h); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return h, nil
}

// String describes a history in a few lines: the setting, then the events in it.
func (h *History) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "setting: %s\n", strings.Join(h.setting(), ", "))
	for i := range h.Ops {
		h.Ops[i].describe(&b)
	}
	for _, s := range h.Subs {
		fmt.Fprintf(&b, "subscription: at %v, closed after %v (0s means never)\n", s.At, s.End)
	}
	kinds := make([]string, 0, len(h.Other))
	for kind := range h.Other {
		kinds = append(kinds, kind)
	}
	slices.Sort(kinds)
	for _, kind := range kinds {
		for i, r := range h.Other[kind] {
			if r != (Reply{}) {
				fmt.Fprintf(&b, "%s, number %d: %v\n", kind, i+1, r)
			}
		}
	}
	for _, e := range h.World {
		fmt.Fprintf(&b, "at %v: %s\n", e.At, e.Kind)
	}
	if h.CloseAt > 0 {
		fmt.Fprintf(&b, "at %v: the session is closed\n", h.CloseAt)
	}
	return b.String()
}

func (h *History) setting() []string {
	words := []string{"legacy"}
	if h.Modern {
		words[0] = "modern"
	}
	say := func(on bool, word string) {
		if on {
			words = append(words, word)
		}
	}
	say(h.Way == "", "direct")
	say(h.Way != "", h.Way)
	say(h.Streams > 0, fmt.Sprintf("%d streams per connection", h.Streams))
	say(h.Abort > 0, fmt.Sprintf("streams are reset with code %d", h.Abort))
	say(h.IDs, "event ids")
	say(h.Prime, "prime event")
	say(h.Resumable, "resumable streams")
	say(h.Loss != "", "a lost session is reported by "+h.Loss)
	say(h.Handlers, "handlers")
	say(h.Asks, "answers elicitations")
	say(h.Auth, "authorization")
	say(h.Lifetime > 0, fmt.Sprintf("tokens expire after %v", h.Lifetime))
	say(h.Buffer > 0, fmt.Sprintf("buffers of %d bytes", h.Buffer))
	say(h.Idle > 0, fmt.Sprintf("idle timeout %v", h.Idle))
	say(h.Try > 0, fmt.Sprintf("try timeout %v", h.Try))
	return words
}

func (o *Op) describe(b *strings.Builder) {
	kind := o.Kind
	if kind == "" {
		kind = "tool call"
	}
	fmt.Fprintf(b, "#%d: worker %d, %v later: %s", o.N, o.Worker, o.Gap, kind)
	if o.Deadline > 0 {
		end := "deadline"
		if o.Cancel {
			end = "cancelled"
		}
		fmt.Fprintf(b, ", %s after %v", end, o.Deadline)
	}
	if o.Total > 0 {
		fmt.Fprintf(b, ", total timeout %v", o.Total)
	}
	if o.Size > 0 {
		fmt.Fprintf(b, ", %d bytes", o.Size)
	}
	if o.Progress {
		b.WriteString(", with progress")
	}
	if o.Harmless {
		b.WriteString(", declared idempotent")
	}
	if o.Answer != "" {
		fmt.Fprintf(b, ", the user's answer is %q", o.Answer)
	}
	b.WriteByte('\n')
	for i, r := range o.Replies {
		fmt.Fprintf(b, "    try %d: %v\n", i+1, r)
	}
	for i, r := range o.Resumes {
		fmt.Fprintf(b, "    resume %d: %v\n", i+1, r)
	}
}
