package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/hawser-mcp/hawser/mcpclient"
)

// Model names in replies. No real model is involved.
const (
	personModel = "hawser-person" // the user typed the reply
	fixedModel  = "hawser-fixed"  // the reply is from --sample-reply
)

// sample answers a sampling request. The user types the reply in place of a model.
func (a *app) sample(ctx context.Context, s *mcpclient.Session, r *mcpclient.SampleRequest) (*mcp.CreateMessageResult, error) {
	if a.flags.sampleReply != "" {
		return reply(a.flags.sampleReply, fixedModel), nil
	}
	if a.modeOf(a.flags.sample) == modeDecline {
		a.tellDeclined("a message from a model", a.flags.sample, "--sample or --sample-reply")
		return nil, mcpclient.ErrRejected
	}
	d, err := a.desk.take(ctx)
	if err != nil {
		return nil, err
	}
	defer d.done()
	d.say("\n" + a.asker(s) + " requests a message from a model. You can play the model:")
	if r.SystemPrompt != "" {
		d.say("  system:")
		d.quote(r.SystemPrompt)
	}
	for _, message := range r.Messages {
		d.say("  " + oneLine(string(message.Role), 20) + ":")
		for _, block := range blocksOf(message.Content) {
			d.quote(a.describe(block))
		}
	}
	d.say(fmt.Sprintf("Type the reply (at most %d tokens), then an empty line. An empty line alone rejects the request.", r.MaxTokens))
	text, err := d.lineByLine()
	switch {
	case errors.Is(err, errDeclined), errors.Is(err, errClosed), err == nil && text == "":
		return nil, mcpclient.ErrRejected
	case err != nil:
		return nil, err
	}
	return reply(text, personModel), nil
}

func reply(text, model string) *mcp.CreateMessageResult {
	return &mcp.CreateMessageResult{
		SamplingMessage: mcp.SamplingMessage{Role: mcp.RoleAssistant, Content: mcp.NewTextContent(text)},
		Model:           model, StopReason: "endTurn",
	}
}

// lineByLine reads lines until an empty line or the end of input.
func (d *dialog) lineByLine() (string, error) {
	var lines []string
	for {
		line, err := d.ask("> ")
		switch {
		case errors.Is(err, errEnd) && len(lines) > 0:
			return strings.Join(lines, "\n"), nil
		case err != nil:
			return "", err
		case strings.TrimSpace(line) == "":
			return strings.Join(lines, "\n"), nil
		}
		lines = append(lines, line)
	}
}

// blocksOf returns the content of a message as a list of blocks.
func blocksOf(content any) []mcp.Content {
	switch c := content.(type) {
	case []mcp.Content:
		return c
	case mcp.Content:
		return []mcp.Content{c}
	}
	return nil
}
