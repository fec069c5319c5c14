package mcpclient

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/hawser-mcp/hawser/internal/jsonrpc"
)

// maxSampleMessages bounds the conversation that a server may send.
const maxSampleMessages = 10_000

var (
	errNoMessages  = errors.New(`no "messages"`)
	errNoMaxTokens = errors.New(`no "maxTokens"`)
	errMaxTokens   = errors.New("maxTokens must be at least 1")
	errRole        = errors.New(`the role must be "user" or "assistant"`)
)

// decodeSample reads the parameters of sampling/createMessage and checks what
// the protocol demands of their messages. Parts of params are kept.
func decodeSample(params json.RawMessage) (*SampleRequest, error) {
	req := &SampleRequest{Raw: params}
	r := jsonReader{Cursor: jsonrpc.NewCursor(params, 0), mine: true}
	r.sample(req)
	r.End()
	if err := r.Err(); err != nil {
		return nil, err
	}
	switch {
	case req.Messages == nil:
		return nil, errNoMessages
	case req.MaxTokens == 0:
		return nil, errNoMaxTokens
	}
	if err := checkToolTurns(req.Messages); err != nil {
		return nil, err
	}
	return req, nil
}

func (r *jsonReader) sample(req *SampleRequest) {
	for key := range r.members() {
		switch string(key) {
		case "messages":
			req.Messages = r.sampleMessages()
		case "modelPreferences":
			req.ModelPreferences = r.modelPreferences()
		case "systemPrompt":
			req.SystemPrompt = r.optString()
		case "includeContext":
			req.IncludeContext = r.optString()
		case "temperature":
			req.HasTemperature = r.Kind() != jsonrpc.Null
			req.Temperature = r.optFloat()
		case "maxTokens":
			req.MaxTokens = r.maxTokens()
		case "stopSequences":
			req.StopSequences = nil
			for range r.elements() {
				req.StopSequences = append(req.StopSequences, r.String())
			}
		case "metadata":
			req.Metadata = nil // not a nil json.RawMessage
			if !r.TryNull() {
				req.Metadata = r.raw()
			}
		case "tools":
			req.Tools = r.sampleTools()
		case "toolChoice":
			req.ToolChoice = r.toolChoice()
		case "_meta":
			req.Meta = r.meta()
		default:
			r.Skip()
		}
	}
}

// sampleMessages reads the conversation; null is nil, and an empty one is not.
func (r *jsonReader) sampleMessages() []mcp.SamplingMessage {
	if r.TryNull() {
		return nil
	}
	messages := []mcp.SamplingMessage{}
	for i := range r.elements() {
		if i == maxSampleMessages {
			r.Fail(&LimitError{What: "messages to sample from", Limit: maxSampleMessages})
			continue
		}
		messages = append(messages, r.sampleMessage())
	}
	return messages
}

func (r *jsonReader) sampleMessage() (m mcp.SamplingMessage) {
	for key := range r.members() {
		switch string(key) {
		case "role":
			m.Role = r.role()
		case "content":
			m.Content = r.sampleContent()
		default:
			r.Skip()
		}
	}
	switch {
	case m.Role != mcp.RoleUser && m.Role != mcp.RoleAssistant:
		r.Fail(errRole)
	case m.Content == nil:
		r.Fail(errNoContent)
	}
	return m
}

// sampleContent reads the content of a message: a mcp.Content or a
// []mcp.Content, as it came; null is nil.
func (r *jsonReader) sampleContent() any {
	switch r.Kind() {
	case jsonrpc.Null:
		r.TryNull()
		return nil
	case jsonrpc.Array:
		return r.blocks()
	default:
		return r.content(false)
	}
}

// blocks reads content that is one block or a list of them.
func (r *jsonReader) blocks() []mcp.Content {
	if r.Kind() != jsonrpc.Array {
		return []mcp.Content{r.content(false)}
	}
	blocks := r.contents(false)
	if blocks == nil {
		blocks = []mcp.Content{}
	}
	return blocks
}

// modelPreferences reads what the server would like; null is nil. The values
// are advice, so that none of them is too high or too low.
func (r *jsonReader) modelPreferences() *mcp.ModelPreferences {
	if r.TryNull() {
		return nil
	}
	p := &mcp.ModelPreferences{}
	for key := range r.members() {
		switch string(key) {
		case "hints":
			p.Hints = nil
			for range r.elements() {
				p.Hints = append(p.Hints, r.modelHint())
			}
		case "costPriority":
			p.CostPriority = r.optFloat()
		case "speedPriority":
			p.SpeedPriority = r.optFloat()
		case "intelligencePriority":
			p.IntelligencePriority = r.optFloat()
		default:
			r.Skip()
		}
	}
	return p
}

func (r *jsonReader) modelHint() (hint mcp.ModelHint) {
	for key := range r.members() {
		if string(key) == "name" {
			hint.Name = r.optString()
		} else {
			r.Skip()
		}
	}
	return hint
}

// optFloat reads a number; null is 0.
func (r *jsonReader) optFloat() float64 {
	if r.TryNull() {
		return 0
	}
	return r.Float64()
}

// maxTokens reads the most tokens that may be sampled, a JSON number of any
// form: a fraction of a token is none, and what an int cannot hold is no bound. null is 0.
func (r *jsonReader) maxTokens() int {
	if r.TryNull() {
		return 0
	}
	v := r.Float64()
	switch {
	case r.Err() != nil:
		return 0
	case v < 1:
		r.Fail(errMaxTokens)
		return 0
	case v >= math.MaxInt: // as a float64, which is one more
		return math.MaxInt
	}
	return int(v)
}

// sampleTools reads the tools that the model may use; null is nil, and an empty list is not.
func (r *jsonReader) sampleTools() []mcp.Tool {
	if r.TryNull() {
		return nil
	}
	tools := []mcp.Tool{}
	for range r.elements() {
		tools = append(tools, r.tool().Tool)
	}
	return tools
}

// toolChoice reads how the model may use tools; null is nil.
func (r *jsonReader) toolChoice() *mcp.ToolChoice {
	if r.TryNull() {
		return nil
	}
	choice := &mcp.ToolChoice{}
	for key := range r.members() {
		if string(key) != "mode" {
			r.Skip()
			continue
		}
		choice.Mode = mcp.ToolChoiceMode(r.optString())
		switch choice.Mode {
		case "", mcp.ToolChoiceModeAuto, mcp.ToolChoiceModeRequired, mcp.ToolChoiceModeNone:
		default:
			r.Fail(fmt.Errorf("unknown mode %s", pathKey([]byte(choice.Mode))))
		}
	}
	return choice
}

var (
	errMixed       = errors.New("tool results and other content in one message")
	errNoUseID     = errors.New(`tool_use: no "id"`)
	errSameUse     = errors.New("two tool uses with one id")
	errUseRole     = errors.New("a tool_use in a message of the user")
	errResultRole  = errors.New("a tool_result in a message of the assistant")
	errOpenUse     = errors.New("a tool_use without its tool_result in the next message")
	errStrayResult = errors.New("a tool_result that answers no tool_use of the message before it")
)

// checkToolTurns checks that every tool_use of the assistant is answered by the
// very next message, the user's, which has nothing but their results
// (2025-11-25 and 2026-07-28, "Sampling", "Message Content Constraints").
func checkToolTurns(messages []mcp.SamplingMessage) error {
	var open map[string]bool
	for i, m := range messages {
		uses, err := checkToolTurn(m, open)
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

// checkToolTurn checks a message behind one with the tool uses in open, which it
// empties, and returns the message's own tool uses.
func checkToolTurn(m mcp.SamplingMessage, open map[string]bool) (uses map[string]bool, err error) {
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
			// One that cannot be read cannot be matched either.
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

// addUse adds a tool_use to those of its message.
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

// closeUse takes the tool_use that result answers out of open.
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
