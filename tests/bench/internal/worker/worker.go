// Package worker has the two roles of processes: the server, and a client that is measured.
package worker

import (
	"context"
	"errors"
	"fmt"

	"github.com/hawser-mcp/hawser/tests/bench/internal/clients"
	"github.com/hawser-mcp/hawser/tests/bench/internal/measure"
	"github.com/hawser-mcp/hawser/tests/bench/internal/process"
	"github.com/hawser-mcp/hawser/tests/bench/internal/scenario"
	"github.com/hawser-mcp/hawser/tests/bench/internal/server"
)

// The roles of processes.
const (
	Server = "server"
	Client = "client"
)

// Main runs the role of this process until its input ends. It returns an error for an unknown role.
func Main(role string) error {
	switch role {
	case Server:
		return serve()
	case Client:
		return measureClients()
	default:
		return fmt.Errorf("unknown role %q", role)
	}
}

// Status is the state of the server. Any request to the server returns it.
type Status struct {
	Addresses server.Addresses
	Stats     server.Stats
}

func serve() error {
	s, err := server.Start(context.Background())
	if err != nil {
		return err
	}
	err = process.Serve(func(*struct{}) (Status, error) {
		return Status{Addresses: s.Addresses(), Stats: s.Stats()}, nil
	})
	return errors.Join(err, s.Close())
}

// Command says what a client does next.
type Command string

// The commands. Each measurement is one Open, one Measure and one Close.
const (
	Open    Command = "open"
	Measure Command = "measure"
	Close   Command = "close"
)

// Request is a request to a client's process. Measure and Close need only the Command.
type Request struct {
	Command  Command
	Library  string
	Scenario string // its ID
	Target   clients.Target
	Calls    int
}

// measureClients runs the commands of a client's process.
func measureClients() error {
	ctx := context.Background()
	var run *scenario.Run // nil between Close and Open
	scenarios := scenario.All()
	err := process.Serve(func(r *Request) (sample measure.Sample, err error) {
		switch {
		case r.Command == Open && run == nil:
			run, err = open(ctx, scenarios, r)
		case r.Command == Measure && run != nil:
			sample, err = run.Measure(ctx)
		case r.Command == Close && run != nil:
			err = run.Close()
			run = nil
		default:
			err = fmt.Errorf("unexpected command %q", r.Command)
		}
		return sample, err
	})
	if run != nil {
		err = errors.Join(err, run.Close())
	}
	return err
}

// open prepares a scenario with a library.
func open(ctx context.Context, scenarios []*scenario.Scenario, r *Request) (*scenario.Run, error) {
	for _, lib := range clients.Libraries(r.Target.Codex) {
		if lib.Name != r.Library {
			continue
		}
		for _, s := range scenarios {
			if s.ID() == r.Scenario {
				return scenario.Open(ctx, s, &lib, &r.Target, r.Calls)
			}
		}
	}
	return nil, fmt.Errorf("no client %q with a scenario %q", r.Library, r.Scenario)
}
