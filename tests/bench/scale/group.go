package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/hawser-mcp/hawser/mcpclient"
	"github.com/hawser-mcp/hawser/mcpclient/group"
	"github.com/hawser-mcp/hawser/mcpclient/mcpconfig"
)

// memberTools is how many tools each server of the group has.
const memberTools = 3

// measureGroup prints what a group of many servers costs, each at an address of its own.
func measureGroup(o *options) error {
	var (
		addrs []string
		done  string
	)
	servers, err := start(asServer, strconv.Itoa(o.members), &addrs)
	if err != nil {
		return err
	}
	err = servers.ask(fmt.Sprint("tools ", memberTools), &done)
	fmt.Fprintf(o.out, "### A group of %d servers, %d tools each\n\n", o.members, memberTools)
	fmt.Fprintln(o.out, "| revision | all ready | kB heap | kB stack | kB | goroutines | sockets | list functions | a call to each | Close |")
	fmt.Fprintln(o.out, "|---|---|---|---|---|---|---|---|---|---|")
	for _, version := range []string{modernVersion, legacyVersion} {
		if err == nil {
			err = printGroup(o, servers, addrs, version)
		}
	}
	fmt.Fprintln(o.out)
	return errors.Join(err, servers.stop())
}

// printGroup connects, uses and closes one group.
func printGroup(o *options, servers *process, addrs []string, version string) error {
	ctx := context.Background()
	members := make([]mcpconfig.Server, len(addrs))
	for i, addr := range addrs {
		members[i] = mcpconfig.Server{Name: fmt.Sprintf("s%05d", i), URL: "http://" + addr + "/mcp"}
	}
	before, began := held(), time.Now()
	g, err := group.New(members, &group.Options{
		Session: func(_ *mcpconfig.Server, s *mcpclient.Options) { s.ProtocolVersion = version },
	})
	if err != nil {
		return err
	}
	if err := errors.Join(g.Wait(ctx), allReady(g)); err != nil {
		return errors.Join(err, g.Close())
	}
	ready := time.Since(began)
	if err := await(servers, len(addrs)); err != nil {
		return errors.Join(err, g.Close())
	}
	c := held().over(before, len(addrs))
	began = time.Now()
	functions, _ := g.Functions()
	listed := time.Since(began)
	if want := memberTools * len(addrs); len(functions) != want {
		return errors.Join(fmt.Errorf("got %d functions, want %d", len(functions), want), g.Close())
	}
	errs := make([]error, len(addrs))
	began = time.Now()
	each(len(addrs), func(i int) {
		_, errs[i] = g.Call(ctx, functions[i*memberTools].Name, json.RawMessage(`{"query":"x"}`))
	})
	called := time.Since(began)
	began = time.Now()
	closing := g.Close()
	closed := time.Since(began)
	fmt.Fprintf(o.out, "| %s | %.1f s | %.1f | %.1f | %.1f | %.2f | %.2f | %.1f ms | %.1f s | %.1f s |\n", version, ready.Seconds(),
		c.heap, c.stack, c.heap+c.stack, c.goroutines, c.sockets, float64(listed.Microseconds())/1000, called.Seconds(), closed.Seconds())
	return errors.Join(errors.Join(errs...), closing, await(servers, 0))
}

// allReady returns the reasons of the servers that are not ready.
func allReady(g *group.Group) error {
	var errs []error
	for _, s := range g.States() {
		if s.Status != group.Ready {
			errs = append(errs, fmt.Errorf("%s is %v: %w", s.Server, s.Status, s.Err))
		}
	}
	return errors.Join(errs...)
}
