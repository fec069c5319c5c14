package wire

import (
	"fmt"
	"math"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/hawser-mcp/hawser/internal/jsonrpc"
)

// MaxSampleMessages limits the conversation that a server may send.
const MaxSampleMessages = 10_000

// Sample holds the parameters of sampling/createMessage.
type Sample struct {
	mcp.CreateMessageParams
	HasTemperature bool      // distinguishes a temperature of 0 from an absent one
	Meta           *mcp.Meta // nil if absent
}

// DecodeSample decodes the parameters of sampling/createMessage. The result refers to params.
func DecodeSample(params []byte, unknown *Unknown) (s Sample, err error) {
	r := NewReader(params, unknown)
	r.sample(&s)
	r.End()
	return s, r.Err()
}

func (r *Reader) sample(s *Sample) {
	for key := range r.Members() {
		switch string(key) {
		case "messages":
			s.Messages = r.sampleMessages()
		case "modelPreferences":
			s.ModelPreferences = r.modelPreferences()
		case "systemPrompt":
			s.SystemPrompt = r.OptString()
		case "includeContext":
			s.IncludeContext = r.OptString()
		case "temperature":
			s.HasTemperature = r.Kind() != jsonrpc.Null
			s.Temperature = r.optFloat()
		case "maxTokens":
			s.MaxTokens = r.maxTokens()
		case "stopSequences":
			s.StopSequences = r.OptStrings()
		case "metadata":
			s.Metadata = nil // instead of a nil json.RawMessage
			if !r.TryNull() {
				s.Metadata = r.Raw()
			}
		case "tools":
			s.Tools = r.sampleTools()
		case "toolChoice":
			s.ToolChoice = r.toolChoice()
		case "_meta":
			s.Meta = r.Meta()
		default:
			r.Skip()
		}
	}
}

// sampleMessages reads the conversation. Null is nil; an empty list is not.
func (r *Reader) sampleMessages() []mcp.SamplingMessage {
	if r.TryNull() {
		return nil
	}
	messages := []mcp.SamplingMessage{}
	for i := range r.Elements() {
		if i == MaxSampleMessages {
			r.Fail(&LimitError{What: "messages to sample from", Limit: MaxSampleMessages})
			continue
		}
		messages = append(messages, r.sampleMessage())
	}
	return messages
}

func (r *Reader) sampleMessage() (m mcp.SamplingMessage) {
	for key := range r.Members() {
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
		r.Fail(ErrRole)
	case m.Content == nil:
		r.Fail(ErrNoContent)
	}
	return m
}

// sampleContent reads the content of a message as a mcp.Content, or as a []mcp.Content if it is a
// list. Null is nil.
func (r *Reader) sampleContent() any {
	switch r.Kind() {
	case jsonrpc.Null:
		r.TryNull()
		return nil
	case jsonrpc.Array:
		return r.Blocks()
	default:
		return r.Content(false)
	}
}

// Blocks reads content that is one block or a list of blocks.
func (r *Reader) Blocks() []mcp.Content {
	if r.Kind() != jsonrpc.Array {
		return []mcp.Content{r.Content(false)}
	}
	blocks := r.Contents(false)
	if blocks == nil {
		blocks = []mcp.Content{}
	}
	return blocks
}

// modelPreferences reads the server's model preferences; null is nil. The values are advice, so
// their range is not checked.
func (r *Reader) modelPreferences() *mcp.ModelPreferences {
	if r.TryNull() {
		return nil
	}
	p := &mcp.ModelPreferences{}
	for key := range r.Members() {
		switch string(key) {
		case "hints":
			p.Hints = nil
			for range r.Elements() {
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

func (r *Reader) modelHint() (hint mcp.ModelHint) {
	for key := range r.Members() {
		if string(key) == "name" {
			hint.Name = r.OptString()
		} else {
			r.Skip()
		}
	}
	return hint
}

// maxTokens reads the maximum number of tokens to sample, a JSON number of any form. It rounds
// fractions down and clamps a number that an int cannot hold. Null is 0.
func (r *Reader) maxTokens() int {
	if r.TryNull() {
		return 0
	}
	v := r.Float64()
	switch {
	case r.Err() != nil:
		return 0
	case v < 1:
		r.Fail(ErrMaxTokens)
		return 0
	case v >= math.MaxInt: // as a float64, MaxInt is rounded up by one
		return math.MaxInt
	}
	return int(v)
}

// sampleTools reads the tools that the model may use. Null is nil; an empty list is not.
func (r *Reader) sampleTools() []mcp.Tool {
	if r.TryNull() {
		return nil
	}
	tools := []mcp.Tool{}
	for range r.Elements() {
		var tool mcp.Tool
		r.Tool(&tool)
		tools = append(tools, tool)
	}
	return tools
}

// toolChoice reads how the model may use tools; null is nil.
func (r *Reader) toolChoice() *mcp.ToolChoice {
	if r.TryNull() {
		return nil
	}
	choice := &mcp.ToolChoice{}
	for key := range r.Members() {
		if string(key) != "mode" {
			r.Skip()
			continue
		}
		choice.Mode = mcp.ToolChoiceMode(r.OptString())
		switch choice.Mode {
		case "", mcp.ToolChoiceModeAuto, mcp.ToolChoiceModeRequired, mcp.ToolChoiceModeNone:
		default:
			r.Fail(fmt.Errorf("unknown mode %s", PathKey([]byte(choice.Mode))))
		}
	}
	return choice
}
