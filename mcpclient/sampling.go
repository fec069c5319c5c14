package mcpclient

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/hawser-mcp/hawser/internal/jsonrpc"
	"github.com/hawser-mcp/hawser/internal/wire"
)

// SampleRequest is a server's request for a message from a model (2025-11-25 and 2026-07-28,
// "Sampling"). The content of each message is a mcp.Content or, if the server sent a list, a
// []mcp.Content. Content of unknown types is [UnknownContent]. Tools have RawInputSchema, never
// InputSchema. All text in the request comes from the server.
type SampleRequest struct {
	mcp.CreateMessageParams
	// HasTemperature distinguishes a temperature of 0 from an absent one.
	HasTemperature bool
	// Meta is the request's _meta, nil if absent.
	Meta *mcp.Meta
	// Raw holds the request's parameters as received.
	Raw json.RawMessage
}

// wantsTools reports whether the request requires a client that declared sampling.tools.
func (r *SampleRequest) wantsTools() bool { return r.Tools != nil || r.ToolChoice != nil }

// toolMode returns the request's tool choice, or the default if the request has none.
func (r *SampleRequest) toolMode() mcp.ToolChoiceMode {
	if r.ToolChoice == nil || r.ToolChoice.Mode == "" {
		return mcp.ToolChoiceModeAuto
	}
	return r.ToolChoice.Mode
}

var (
	errNoMessage    = errors.New("no message")
	errNoModel      = errors.New("the message has no model")
	errManyBlocks   = fmt.Errorf("revisions before %s allow only one block of content in a message", mcp.ProtocolVersion20251125)
	errUseNotAsked  = errors.New("tool_use, but the request has no tools")
	errUseForbidden = errors.New(`tool_use, but the request has toolChoice "none"`)
	errUseRequired  = errors.New(`no tool_use, but the request has toolChoice "required"`)
	errUserUse      = errors.New("tool_use in a message that is not the assistant's")
	errUseInput     = errors.New("the input of a tool_use must be an object")
)

// encodeResult checks a model's message against the request and the revision, and encodes it. A
// message without a role counts as the assistant's. Content blocks of the types in package mcp need
// not have their Type field set. encodeResult does not change res.
func (r *SampleRequest) encodeResult(res *mcp.CreateMessageResult, version string) (json.RawMessage, error) {
	if res == nil {
		return nil, errNoMessage
	}
	role := cmp.Or(res.Role, mcp.RoleAssistant)
	if role != mcp.RoleAssistant && role != mcp.RoleUser {
		return nil, wire.ErrRole
	}
	if res.Model == "" {
		return nil, errNoModel
	}
	content, blocks, err := encodeBlocks(res.Content)
	if err != nil {
		return nil, fmt.Errorf("content: %w", err)
	}
	if err := r.checkAnswer(role, blocks); err != nil {
		return nil, fmt.Errorf("content: %w", err)
	}
	if version < mcp.ProtocolVersion20251125 {
		if content, err = onlyBlock(content, len(blocks)); err != nil {
			return nil, fmt.Errorf("content: %w", err)
		}
	}
	// Encoding res itself would add a resultType, which this result does not have.
	return encodePlain(struct {
		Meta       *mcp.Meta       `json:"_meta,omitempty"`
		Role       mcp.Role        `json:"role"`
		Content    json.RawMessage `json:"content"`
		Model      string          `json:"model"`
		StopReason string          `json:"stopReason,omitempty"`
	}{res.Meta, role, content, res.Model, res.StopReason})
}

// encodeBlocks encodes the content of a message, which is one block or a list. It returns the JSON
// and the blocks decoded from that JSON. The caller can thus check exactly what is sent.
func encodeBlocks(content any) (json.RawMessage, []mcp.Content, error) {
	if content == nil {
		return nil, nil, wire.ErrNoContent
	}
	data, err := encodePlain(withTypes(content))
	if err != nil {
		return nil, nil, err
	}
	r := wire.NewReader(data, &unknownTypes)
	blocks := r.Blocks()
	r.End()
	if r.Err() == nil && len(blocks) == 0 {
		return nil, nil, wire.ErrNoContent
	}
	return data, blocks, publicError(r.Err())
}

// onlyBlock returns the single block of encoded content as JSON. The content is a block or a list.
// If blocks is greater than 1, onlyBlock returns an error.
func onlyBlock(content json.RawMessage, blocks int) (json.RawMessage, error) {
	if blocks > 1 {
		return nil, errManyBlocks
	}
	c := jsonrpc.NewCursor(content, 0)
	if c.Kind() == jsonrpc.Array {
		c.EnterArray()
		c.NextElement()
	}
	return c.Skip(), c.Err()
}

// checkAnswer checks the blocks of a model's message against the request.
func (r *SampleRequest) checkAnswer(role mcp.Role, blocks []mcp.Content) error {
	uses := map[string]bool{}
	for _, block := range blocks {
		switch b := block.(type) {
		case mcp.TextContent, mcp.ImageContent, mcp.AudioContent:
		case mcp.ToolUseContent:
			if err := checkUse(b, uses); err != nil {
				return err
			}
		case UnknownContent:
			if b.Err != nil {
				return b.Err
			}
			if b.Type == "" {
				return wire.ErrNoType
			}
		default:
			return fmt.Errorf("%T is not allowed in a message from a model", block)
		}
	}
	mode := r.toolMode()
	switch {
	case len(uses) == 0 && mode == mcp.ToolChoiceModeRequired:
		return errUseRequired
	case len(uses) > 0 && mode == mcp.ToolChoiceModeNone:
		return errUseForbidden
	case len(uses) > 0 && len(r.Tools) == 0:
		return errUseNotAsked
	case len(uses) > 0 && role != mcp.RoleAssistant:
		return errUserUse
	}
	return nil
}

// checkUse checks a tool_use block in a model's message and adds its ID to uses.
func checkUse(use mcp.ToolUseContent, uses map[string]bool) error {
	if err := addUse(use, uses); err != nil {
		return err
	}
	if use.Name == "" {
		return fmt.Errorf("tool_use: %w", wire.ErrNoName)
	}
	input, _ := use.Input.(json.RawMessage)
	if !bytes.HasPrefix(input, []byte("{")) {
		return errUseInput
	}
	return nil
}

// withTypes returns a copy of content in which the Type field of each block matches the block's Go
// type.
func withTypes(content any) any {
	list, ok := content.([]mcp.Content)
	if !ok {
		return withType(content)
	}
	blocks := make([]any, len(list))
	for i, block := range list {
		blocks[i] = withType(block)
	}
	return blocks
}

func withType(block any) any {
	switch b := indirect(block).(type) {
	case mcp.TextContent:
		b.Type = mcp.ContentTypeText
		return b
	case mcp.ImageContent:
		b.Type = mcp.ContentTypeImage
		return b
	case mcp.AudioContent:
		b.Type = mcp.ContentTypeAudio
		return b
	case mcp.ToolUseContent:
		b.Type, b.Input = mcp.ContentTypeToolUse, objectOr(b.Input)
		return b
	}
	return block
}

// indirect returns the content block that block points to, or block itself if it is not such a
// pointer.
func indirect(block any) any {
	switch p := block.(type) {
	case *mcp.TextContent:
		return orNil(p)
	case *mcp.ImageContent:
		return orNil(p)
	case *mcp.AudioContent:
		return orNil(p)
	case *mcp.ToolUseContent:
		return orNil(p)
	}
	return block
}

func orNil[T any](p *T) any {
	if p == nil {
		return nil
	}
	return *p
}

// objectOr returns input, or an empty object if input encodes to null. A tool call without
// arguments may have such an input.
func objectOr(input any) any {
	raw, ok := input.(json.RawMessage)
	if !ok {
		data, err := encodePlain(input)
		if err != nil {
			return input // encoding the message reports the error
		}
		raw = data
	}
	if trimmed := bytes.TrimSpace(raw); len(trimmed) == 0 || string(trimmed) == "null" {
		raw = json.RawMessage("{}")
	}
	return raw
}

// encodePlain encodes v like json.Marshal, but without HTML escapes.
func encodePlain(v any) (json.RawMessage, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

var (
	errNoMessages  = errors.New(`no "messages"`)
	errNoMaxTokens = errors.New(`no "maxTokens"`)
)

// decodeSample decodes the parameters of sampling/createMessage and checks that tool results follow
// their tool uses. The result refers to the memory of params.
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

// checkToolUses checks that each message with tool uses has the role assistant. The next message
// must have the role user and consist of the results of these tool uses (2025-11-25 and 2026-07-28,
// "Sampling", "Message Content Constraints").
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

// checkMessage checks one message. open holds the IDs of the tool uses in the previous message.
// checkMessage removes those that have a result in m, and returns the IDs of the tool uses in m.
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

// addUse adds the ID of a tool_use to uses. It returns an error if the tool_use is invalid.
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

// closeUse removes from open the ID of the tool_use that result answers.
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
