// Package field is a corpus of quirks: unexpected behavior of real MCP servers, gateways and
// authorization servers. Each quirk has a scripted server and the result that a session must give.
// The tests play every quirk in each era where it applies, direct and through an executor, and the
// corpus prints docs/compatibility.md.
//
// To add a quirk, append a row to the table of its kind in a corpus file and run
//
//	go test ./tests/field -update
//
// Command serve runs the server of one quirk, to try a client by hand.
package field

import (
	"context"
	"slices"

	"github.com/hawser-mcp/hawser/mcpclient"
	"github.com/hawser-mcp/hawser/oauth"
)

// Quirk is a behavior of a server and the result that a session must give.
type Quirk struct {
	// ID is unique in the corpus and never reused. A bug report can name it.
	ID string
	// Kind is the chapter of docs/compatibility.md that lists the quirk.
	Kind Kind
	// Sends describes in one phrase what the server does.
	Sends string
	// Sources are public reports, as owner/repository#number, or names of programs.
	Sources []string
	// Eras are the eras in which the quirk is played. Zero means both.
	Eras Era
	// Scripts are the variants of the quirk. Each is played on a new server.
	Scripts []Script
	// Options, if not nil, changes the options of the session.
	Options func(o *mcpclient.Options, p *Play)
	// OAuth, if not nil, changes the OAuth configuration of the session. Only quirks of kind
	// Authorization use OAuth.
	OAuth func(c *oauth.Config, p *Play)
	// Do uses the session. Nil calls the tool "t" once.
	Do Action
	// Want is the result that a session must give.
	Want Want
	// CLI is the result that the command line must give. Nil means that it is not checked.
	CLI *CLI
}

// Era is a set of eras.
type Era uint8

// The eras. Legacy servers have sessions, modern servers do not.
const (
	Legacy Era = 1 << iota
	Modern
	Both = Legacy | Modern
)

// String returns the name of the era.
func (e Era) String() string {
	return map[Era]string{Legacy: "legacy", Modern: "modern", Both: "both"}[e]
}

// Each returns the eras in which the quirk is played.
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

// Action uses a session and returns the result in one line.
type Action func(ctx context.Context, p *Play) (string, error)

// Want is the result that a session must give. In addition, if Connect succeeds, a later call of
// another tool must work and Close must return nil.
type Want struct {
	// Value is the string that the action returns.
	Value string
	// Kind, Outcome and Says describe the action's error. If Kind is zero, the action must succeed.
	// The error must contain the texts in Says. $URL is the endpoint.
	Kind    mcpclient.Kind
	Outcome mcpclient.Outcome
	Says    []string
	// Connect means that Connect, and not the action, fails with the error.
	Connect bool
	// MayFail allows the action to fail with any error. It is for quirks that lose the answer.
	MayFail bool
	// Calls is the required number of calls of the tool "t". Zero means one if Do is nil, and any
	// number otherwise.
	Calls int
	// Sessions is the required number of initialize requests. Zero means one for a legacy server.
	Sessions int
	// Logs are texts that the session's log must contain.
	Logs []string
	// Note replaces the description of the result in docs/compatibility.md.
	Note string
}

// Special values of Calls and Sessions.
const (
	none      = -1
	anyNumber = -2
)

// CLI is the result that the command line must give. Tests in examples/hawser check it.
type CLI struct {
	// Args is the command line. $URL is the endpoint.
	Args string
	// Fails means that the exit code must not be zero.
	Fails bool
	// Says are texts that the output must contain.
	Says []string
	// Calls is the constant none if the tool must not be called. Zero allows any number of calls.
	Calls int
	// Runs is the number of runs of the command line. Zero means one. All runs together may detect
	// the era at most once.
	Runs int
}

// prints returns the wanted result of a command line that succeeds.
func prints(args string, says ...string) *CLI { return &CLI{Args: args, Says: says} }

// complains returns the wanted result of a command line that fails.
func complains(args string, says ...string) *CLI { return &CLI{Args: args, Fails: true, Says: says} }

// works returns the wanted result of a call that succeeds.
func works() Want { return Want{Value: "ok"} }

// gives returns the wanted result of an action that succeeds with this value.
func gives(value string) Want { return Want{Value: value} }

// fails returns the wanted result of an action that fails.
func fails(kind mcpclient.Kind, outcome mcpclient.Outcome, says ...string) Want {
	return Want{Kind: kind, Outcome: outcome, Says: says}
}

// refused returns the wanted result for a server to which Connect must fail.
func refused(kind mcpclient.Kind, says ...string) Want {
	return Want{Kind: kind, Says: says, Connect: true, Calls: none, Sessions: anyNumber}
}

// calls sets the required number of calls.
func (w Want) calls(n int) Want { w.Calls = n; return w }

// sessions sets the required number of initialize requests.
func (w Want) sessions(n int) Want { w.Sessions = n; return w }

// note sets the description of the result.
func (w Want) note(text string) Want { w.Note = text; return w }

// Corpus returns all quirks, grouped by kind.
func Corpus() []Quirk {
	return slices.Concat(negotiation, sessions, envelope, streams, content, statuses, shared, results, authorization, commandLine)
}
