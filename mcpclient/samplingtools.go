package mcpclient

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/hawser-mcp/hawser/internal/wire"
)

var (
	errNoMessages  = errors.New(`no "messages"`)
	errNoMaxTokens = errors.New(`no "maxTokens"`)
)

// decodeSample decodes the parameters of sampling/createMessage and checks the order of its
// messages. The result keeps parts of params.
func decodeSample(params json.RawMessage) (*SampleRequest, error) {
	sample, err := wire.DecodeSample(params, &unknownTypes)
	if err != nil {
		return nil, publicError(err)
	}
	req := &SampleRequest{
		CreateMessageParams: sample.CreateMessageParams, HasTemperature: sample.HasTemperature, Meta: sample.Meta, Raw: params,
	}
	switch {
	case req.Messages == nil:
		return nil, errNoMessages
	case req.MaxTokens == 0:
		return nil, errNoMaxTokens
	}
	if err := checkToolUses(req.Messages); err != nil {
		return nil, err
	}
	return req, nil
}

var (
	errMixed       = errors.New("tool results and other content in one message")
	errNoUseID     = errors.New(`tool_use: no "id"`)
	errSameUse     = errors.New("two tool uses with the same id")
	errUseRole     = errors.New("tool_use in a message of the user")
	errResultRole  = errors.New("tool_result in a message of the assistant")
	errOpenUse     = errors.New("tool_use without a tool_result in the next message")
	errStrayResult = errors.New("tool_result without a tool_use in the previous message")
)

// checkToolUses checks that each message with tool uses is the assistant's, and that the next
// message is the user's and consists of their results (2025-11-25 and 2026-07-28, "Sampling",
// "Message Content Constraints").
func checkToolUses(messages []mcp.SamplingMessage) error {
	var open map[string]bool
	for i, m := range messages {
		uses, err := checkMessage(m, open)
		if err != nil {
			return fmt.Errorf("messages[%d]: %w", i, err)
		}
		open = uses
	}
	if len(open) > 0 {
		return fmt.Errorf("messages[%d]: %w", len(messages)-1, errOpenUse)
	}
	return nil
}

// checkMessage checks a message that follows one with the tool uses in open. It removes the uses
// that have a result from open and returns the tool uses of the message itself.
func checkMessage(m mcp.SamplingMessage, open map[string]bool) (uses map[string]bool, err error) {
	blocks, isList := m.Content.([]mcp.Content)
	if block, one := m.Content.(mcp.Content); one && !isList {
		blocks = []mcp.Content{block}
	}
	uses = map[string]bool{}
	results := 0
	for _, block := range blocks {
		switch b := block.(type) {
		case mcp.ToolUseContent:
			if m.Role != mcp.RoleAssistant {
				return nil, errUseRole
			}
			err = addUse(b, uses)
		case mcp.ToolResultContent:
			results++
			err = closeUse(b, m.Role, open)
		case UnknownContent:
			// A tool_use or tool_result that is invalid cannot be matched.
			if b.Err != nil && (b.Type == mcp.ContentTypeToolUse || b.Type == mcp.ContentTypeToolResult) {
				err = fmt.Errorf("%s: %w", b.Type, b.Err)
			}
		}
		if err != nil {
			return nil, err
		}
	}
	switch {
	case results > 0 && results < len(blocks):
		return nil, errMixed
	case len(open) > 0:
		return nil, errOpenUse
	}
	return uses, nil
}

// addUse adds the ID of a tool_use to uses.
func addUse(use mcp.ToolUseContent, uses map[string]bool) error {
	switch {
	case use.ID == "":
		return errNoUseID
	case uses[use.ID]:
		return errSameUse
	}
	uses[use.ID] = true
	return nil
}

// closeUse removes the tool_use that the result belongs to from open.
func closeUse(result mcp.ToolResultContent, role mcp.Role, open map[string]bool) error {
	switch {
	case role != mcp.RoleUser:
		return errResultRole
	case !open[result.ToolUseID]:
		return errStrayResult
	}
	delete(open, result.ToolUseID)
	return nil
}
