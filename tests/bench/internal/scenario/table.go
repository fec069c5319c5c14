// Package scenario has what is measured: the table of scenarios, and how to run one with a client.
package scenario

import (
	"fmt"

	"github.com/hawser-mcp/hawser/tests/bench/internal/workload"
)

// Network is how the clients reach the server.
type Network string

// The networks.
const (
	Plain Network = "HTTP/1.1"
	TLS   Network = "HTTP/1.1 with TLS"
	HTTP2 Network = "HTTP/2 with TLS"
)

// Scenario is one thing that is measured. Exactly one of Tool, Tools, Connect and Idle is set.
type Scenario struct {
	Group   string // heading of the report
	Name    string
	Version string // protocol revision
	Network Network

	Tool    *workload.Tool // a tool to call
	Tools   int            // a list of this many tools to request
	Connect bool           // to connect, list 20 tools and close
	Idle    bool           // to keep sessions open, each with its stream

	Callers int // how many calls run at once
	Calls   int // calls of one measurement, or idle sessions
	Few     int // the same for a smoke run

	// Executors means that the clients with executors take part.
	Executors bool
}

// ID returns the name of a scenario for humans and regular expressions. It is unique.
func (s *Scenario) ID() string { return s.Group + ": " + s.Name + " (" + s.Version + ")" }

// Path returns the path of the endpoint that the scenario uses.
func (s *Scenario) Path() string {
	switch {
	case s.Idle:
		return workload.StreamPath
	case s.Tools > 0:
		return workload.ListPath(s.Tools)
	default:
		return workload.ListPath(workload.FewTools)
	}
}

// The groups of scenarios, in the order of the report.
const (
	Single   = "one call at a time"
	Lists    = "lists of tools"
	Progress = "progress"
	Many     = "many callers"
	Secure   = "TLS and HTTP/2"
	Sessions = "sessions"
	IdleOnes = "idle sessions"
)

// Groups are the groups in the order of the report.
var Groups = []string{Single, Lists, Progress, Many, Secure, Sessions, IdleOnes}

// All returns the scenarios of both protocol revisions.
func All() []*Scenario {
	// The calls of the floor take some milliseconds in one measurement, so that its quartiles are close.
	all := []*Scenario{
		{Group: Single, Name: "200 B JSON", Tool: workload.JSON200, Calls: 1000, Few: 20, Executors: true},
		{Group: Single, Name: "200 B SSE", Tool: workload.SSE200, Calls: 1000, Few: 20, Executors: true},
		{Group: Single, Name: "10 kB JSON", Tool: workload.JSON10k, Calls: 400, Few: 10},
		{Group: Single, Name: "10 kB SSE", Tool: workload.SSE10k, Calls: 400, Few: 10, Executors: true},
		{Group: Single, Name: "10 kB structured", Tool: workload.Structured10k, Calls: 400, Few: 10},
		{Group: Single, Name: "1 MB JSON", Tool: workload.JSON1M, Calls: 20, Few: 1},
		{Group: Single, Name: "1 MB SSE", Tool: workload.SSE1M, Calls: 20, Few: 1, Executors: true},
		{Group: Lists, Name: "100 tools", Tools: workload.ManyTools, Calls: 100, Few: 2},
		{Group: Lists, Name: "10,000 tools", Tools: workload.NumerousTools, Calls: 3, Few: 1},
		{Group: Progress, Name: "1000 notifications", Tool: workload.Progress1000, Calls: 30, Few: 2, Executors: true},
		{Group: Sessions, Name: "connect, list 20 tools, close", Connect: true, Calls: 100, Few: 3},
	}
	for _, callers := range []int{32, 256} {
		for _, s := range []Scenario{
			{Name: "200 B JSON", Tool: workload.JSON200, Calls: 50},
			{Name: "200 B SSE", Tool: workload.SSE200, Calls: 50},
			{Name: "10 kB JSON", Tool: workload.JSON10k, Calls: 12},
		} {
			s.Group, s.Name, s.Callers = Many, fmt.Sprintf("%s, %d callers", s.Name, callers), callers
			s.Calls, s.Few, s.Executors = max(32, callers/4)*s.Calls, 2*callers, callers == 32 && s.Tool == workload.JSON200
			all = append(all, &s)
		}
	}
	for _, s := range all {
		s.Version = workload.Legacy
	}
	for _, s := range all[:len(all):len(all)] {
		modern := *s
		modern.Version = workload.Modern
		modern.Executors = false
		all = append(all, &modern)
	}
	for _, network := range []Network{TLS, HTTP2} {
		all = append(all, &Scenario{
			Group: Secure, Name: "200 B JSON, 32 callers, " + string(network), Version: workload.Legacy, Network: network,
			Tool: workload.JSON200, Callers: 32, Calls: 1600, Few: 64,
		})
	}
	all = append(all, &Scenario{Group: IdleOnes, Name: "a session with its stream", Version: workload.Legacy, Idle: true, Calls: 200, Few: 5})
	for _, s := range all {
		s.Callers = max(s.Callers, 1)
		if s.Network == "" {
			s.Network = Plain
		}
	}
	return all
}
