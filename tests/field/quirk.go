// Package field is a corpus of quirks: what MCP servers, gateways and authorization servers in the
// wild do that the specification does not expect. Each quirk is a scripted server together with
// what a session must make of it. The tests play every quirk in each era where it applies, direct
// and through an executor, and docs/compatibility.md is printed from the corpus.
//
// To add a quirk, append a row to the table of its kind in a corpus file and run
//
//	go test ./tests/field -update
package field

import (
	"context"
	"slices"

	"github.com/hawser-mcp/hawser/mcpclient"
	"github.com/hawser-mcp/hawser/oauth"
)

// Quirk is a situation and what must come out of it.
type Quirk struct {
	// ID is unique in the corpus and never reused. A bug report can name it.
	ID string
	// Kind is the chapter of docs/compatibility.md.
	Kind Kind
	// Sends says in one sentence what the server does.
	Sends string
	// Sources are public reports, as owner/repository#number, or names of programs.
	Sources []string
	// Eras are those in which the quirk is played. Zero means both.
	Eras Era
	// Scripts are the variants of the quirk. Each is played on a new server.
	Scripts []Script
	// Options changes the options of the session.
	Options func(o *mcpclient.Options, p *Play)
	// OAuth changes the authorization of the session, which only quirks of that kind have.
	OAuth func(c *oauth.Config, p *Play)
	// Do uses the session. Nil means one call of the tool "t".
	Do Action
	// Want is what must come out for a session.
	Want Want
	// CLI is what must come out at the command line, nil if that adds nothing.
	CLI *CLI
}

// Era is a set of eras.
type Era uint8

// The eras. Legacy servers have sessions, modern ones have none.
const (
	Legacy Era = 1 << iota
	Modern
	Both = Legacy | Modern
)

// String returns the name of the era.
func (e Era) String() string {
	return map[Era]string{Legacy: "legacy", Modern: "modern", Both: "both"}[e]
}

// Each returns the eras of the quirk one by one.
func (q *Quirk) Each() []Era {
	switch q.Eras {
	case Legacy, Modern:
		return []Era{q.Eras}
	default:
		return []Era{Legacy, Modern}
	}
}

// Kind is a chapter of the corpus.
type Kind string

// The kinds, in the order of docs/compatibility.md.
const (
	Negotiation   Kind = "Negotiation and handshake"
	Sessions      Kind = "Sessions"
	Envelope      Kind = "JSON-RPC messages"
	Streams       Kind = "Event streams"
	Content       Kind = "Content types and encodings"
	Statuses      Kind = "Statuses, gateways and redirects"
	Shared        Kind = "Shared streams and resumption"
	Results       Kind = "Tools, pages and results"
	Authorization Kind = "Authorization"
	CommandLine   Kind = "Command line"
)

// Action uses a session and returns what came out, in one line.
type Action func(ctx context.Context, p *Play) (string, error)

// Want is what must come out for a session. After every quirk whose server can be connected to, a
// call of another tool must work, and Close must return nil.
type Want struct {
	// Value is what the action returns.
	Value string
	// Kind, Outcome and Says describe the action's error. Kind zero means that there is none. Says
	// are texts that the error contains.
	Kind    mcpclient.Kind
	Outcome mcpclient.Outcome
	Says    []string
	// Connect means that Connect fails with the error.
	Connect bool
	// MayFail allows the action to fail with any error, since the answer was lost.
	MayFail bool
	// Calls is how often the tool "t" must be called. Zero means once if Do is nil, and any number
	// otherwise.
	Calls int
	// Sessions is how many initialize requests must be sent. Zero means one to a legacy server.
	Sessions int
	// Logs are texts that the session's log contains.
	Logs []string
	// Note replaces the description of the result in docs/compatibility.md.
	Note string
}

// Numbers of calls and of initialize requests.
const (
	none      = -1
	anyNumber = -2
)

// CLI is what must come out at the command line, which is tested in examples/hawser.
type CLI struct {
	// Args is the command line. $URL is the endpoint.
	Args string
	// Fails means that the exit code is not zero.
	Fails bool
	// Says are texts that the output contains.
	Says []string
	// Calls is how often the tool must be called: none, or zero for any number.
	Calls int
	// Runs is how often the command line is run, zero for once. All runs must find out the era at
	// most once.
	Runs int
}

// prints is a command line that succeeds.
func prints(args string, says ...string) *CLI { return &CLI{Args: args, Says: says} }

// complains is a command line that fails.
func complains(args string, says ...string) *CLI { return &CLI{Args: args, Fails: true, Says: says} }

// works is the result of a call that succeeds.
func works() Want { return Want{Value: "ok"} }

// gives is the result of an action that succeeds with a value.
func gives(value string) Want { return Want{Value: value} }

// fails is the result of an action that fails.
func fails(kind mcpclient.Kind, outcome mcpclient.Outcome, says ...string) Want {
	return Want{Kind: kind, Outcome: outcome, Says: says}
}

// refused is the result of Connect with a server that cannot be used.
func refused(kind mcpclient.Kind, says ...string) Want {
	return Want{Kind: kind, Says: says, Connect: true, Calls: none, Sessions: anyNumber}
}

// calls sets how often the tool must be called.
func (w Want) calls(n int) Want { w.Calls = n; return w }

// sessions sets how many initialize requests must be sent.
func (w Want) sessions(n int) Want { w.Sessions = n; return w }

// note sets the description of the result.
func (w Want) note(text string) Want { w.Note = text; return w }

// Corpus returns all quirks, by kind.
func Corpus() []Quirk {
	return slices.Concat(negotiation, sessions, envelope, streams, content, statuses, shared, results, authorization, commandLine)
}
