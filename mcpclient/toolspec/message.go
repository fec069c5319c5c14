package toolspec

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// media are the types of parts that an API accepts in the result of a function.
var media = map[Dialect][]string{
	OpenAIChat:      nil,
	OpenAIResponses: {"image/png", "image/jpeg", "image/gif", "image/webp", pdf},
	Anthropic:       {"image/png", "image/jpeg", "image/gif", "image/webp", pdf},
	Gemini:          {"image/png", "image/jpeg", "image/webp", pdf},
	Bedrock:         {"image/png", "image/jpeg", "image/gif", "image/webp", pdf},
}

const pdf = "application/pdf"

// Encode returns the answer as the JSON object that the API expects:
//
//   - OpenAIChat: a message with the role tool
//   - OpenAIResponses: an input item of the type function_call_output
//   - Anthropic: a content block of the type tool_result
//   - Gemini: a part with a functionResponse. Models before Gemini 3 accept only text; set Parts to
//     nil for them.
//   - Bedrock: a content block with a toolResult. Models other than Amazon Nova and Claude accept
//     only text.
//
// callID is the ID of the model's call, and name is the name of the function, which only Gemini
// needs. Parts of types that the API does not accept in results are left out, and the text says so.
// The error is about the dialect only.
func (a Answer) Encode(d Dialect, callID, name string) (json.RawMessage, error) {
	if _, err := d.rules(); err != nil {
		return nil, err
	}
	parts := make([]Part, 0, len(a.Parts))
	for _, p := range a.Parts {
		if slices.Contains(media[d], p.MIMEType) {
			parts = append(parts, p)
		}
	}
	text := a.Text
	if missing := len(a.Parts) - len(parts); missing > 0 {
		text += fmt.Sprintf("\n[%d of these cannot be shown to you]", missing)
	}
	return encode(a.message(d, callID, name, text, parts)), nil
}

func (a Answer) message(d Dialect, callID, name, text string, parts []Part) any {
	switch d {
	case OpenAIChat:
		return map[string]any{"role": "tool", "tool_call_id": callID, "content": text}
	case OpenAIResponses:
		out := map[string]any{"type": "function_call_output", "call_id": callID, "output": text}
		if len(parts) > 0 {
			out["output"] = contents(parts, map[string]any{"type": "input_text", "text": text}, responsesPart)
		}
		return out
	case Gemini:
		return a.geminiPart(callID, name, text, parts)
	case Bedrock:
		out := map[string]any{"toolUseId": callID, "content": contents(parts, map[string]any{"text": text}, bedrockPart)}
		if a.IsError {
			out["status"] = "error"
		}
		return map[string]any{"toolResult": out}
	default:
		out := map[string]any{"type": "tool_result", "tool_use_id": callID}
		out["content"] = contents(parts, map[string]any{"type": "text", "text": text}, anthropicPart)
		if a.IsError {
			out["is_error"] = true
		}
		return out
	}
}

// contents returns a text and the parts as content blocks.
func contents(parts []Part, text any, block func(p Part, at int) any) []any {
	blocks := []any{text}
	for i, p := range parts {
		blocks = append(blocks, block(p, i+1))
	}
	return blocks
}

func dataURL(p Part) string { return "data:" + p.MIMEType + ";base64," + p.Data }

func responsesPart(p Part, at int) any {
	if p.MIMEType == pdf {
		return map[string]any{"type": "input_file", "filename": fmt.Sprintf("file-%d.pdf", at), "file_data": dataURL(p)}
	}
	return map[string]any{"type": "input_image", "image_url": dataURL(p)}
}

func anthropicPart(p Part, _ int) any {
	kind := "image"
	if p.MIMEType == pdf {
		kind = "document"
	}
	return map[string]any{"type": kind, "source": map[string]any{"type": "base64", "media_type": p.MIMEType, "data": p.Data}}
}

func bedrockPart(p Part, at int) any {
	source := map[string]any{"bytes": p.Data}
	if p.MIMEType == pdf {
		return map[string]any{"document": map[string]any{"format": "pdf", "name": fmt.Sprintf("file-%d", at), "source": source}}
	}
	return map[string]any{"image": map[string]any{"format": strings.TrimPrefix(p.MIMEType, "image/"), "source": source}}
}

// geminiPart returns a part of a content. Gemini takes an object: "output" has the result, and
// "error" has the details of an error.
func (a Answer) geminiPart(callID, name, text string, parts []Part) any {
	key := "output"
	if a.IsError {
		key = "error"
	}
	response := map[string]any{"name": name, "response": map[string]any{key: text}}
	if callID != "" {
		response["id"] = callID
	}
	var blobs []any
	for _, p := range parts {
		blobs = append(blobs, map[string]any{"inlineData": map[string]any{"mimeType": p.MIMEType, "data": p.Data}})
	}
	if blobs != nil {
		response["parts"] = blobs
	}
	return map[string]any{"functionResponse": response}
}
