package toolspec

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/hawser-mcp/hawser/internal/redact"
	"github.com/hawser-mcp/hawser/mcpclient"
)

const (
	// defaultText is the default bound on the text of an answer, in bytes.
	defaultText = 32 << 10
	// minText is the smallest bound on the text, in bytes. It leaves room for what became of a call.
	minText = 512
	// maxMedia bounds the encoded data of all parts of an answer, in bytes. Anthropic accepts images
	// of 5 MB.
	maxMedia = 5 << 20
	// maxParts bounds the parts of an answer. Anthropic accepts 100 images in a request.
	maxParts = 16
	// maxLabel bounds a name or URI of the server that is shown in a line, in bytes.
	maxLabel = 200
)

// Answer is what a model receives for a call, whether it succeeded or not. The server wrote most of
// it.
type Answer struct {
	// Text is valid UTF-8 and never empty. Each part has a line in it, such as "[image, image/png,
	// 4033 bytes]", so a model that cannot see the part knows of it. What was cut from the end of
	// the text may include such lines.
	Text string
	// Parts are the images, audio and files of the result: at most 16, with at most 5 MiB of
	// base64.
	Parts []Part
	// IsError is true if the tool reported that it failed, or if there is no result.
	IsError bool
	// Truncated is how many bytes of the server's text were left out.
	Truncated int
}

// Part is an image, audio or another file in a result.
type Part struct {
	// MIMEType is the type of the data. For PNG, JPEG, GIF, WebP and PDF, it is that of the data
	// itself, not the type that the server declared: APIs refuse a request in which they differ.
	MIMEType string
	// Name is the URI of the resource, "" if the part is not a resource.
	Name string
	// Data is standard base64 with padding.
	Data string
}

// AnswerOf returns the answer to a call that ended with result and err. limit bounds the text in
// bytes; 0 means 32 KiB, and less than 512 means 512. A longer text is cut at the end of a
// character, and its last line says how much is missing.
//
// If the call failed, the text says what is known of whether the tool ran ([mcpclient.OutcomeOf]):
// it did not run, the server answered with an error, or the tool may have run. A model that reads
// the last one should look before it calls the tool again. The result of a [mcpclient.ToolError]
// counts as result.
//
// Structured content is shown if the result has no text, since servers repeat it in the text
// (2026-07-28, "Structured Content"). Links and embedded texts are part of the text.
func AnswerOf(result *mcpclient.CallToolResult, err error, limit int) Answer {
	if limit == 0 {
		limit = defaultText
	}
	w := writer{limit: max(limit, minText)}
	var failed *mcpclient.ToolError
	switch {
	case errors.As(err, &failed) && failed.Result != nil:
		w.result(failed.Result, true)
	case err != nil:
		w.failure(err)
	case result == nil:
		w.isError = true
		w.line("The call returned no result.")
	default:
		w.result(result, result.IsError)
	}
	return w.answer()
}

// failure says what became of a call without a result.
func (w *writer) failure(err error) {
	w.isError = true
	switch outcome := mcpclient.OutcomeOf(err); {
	case outcome == mcpclient.NotRun:
		w.line("The call failed. The tool did not run.")
	case outcome == mcpclient.Answered:
		w.line("The call failed. The server answered with an error, and may have acted on the call.")
	case mcpclient.SafeToRepeat(err):
		w.line("The call failed. The tool may have run, and calling it again does no harm.")
	default:
		w.line("The call failed. The tool may have run: its answer was lost. Find out whether it did before you call it again.")
	}
	w.line("Error: " + err.Error())
}

// result says what a tool returned.
func (w *writer) result(r *mcpclient.CallToolResult, isError bool) {
	w.isError = isError
	if isError {
		w.line("The tool reported an error.")
	}
	if r.Input != nil {
		w.isError = true
		w.line("The server requires input before it answers the call.")
	}
	for _, item := range r.Content {
		w.content(item)
	}
	if structured := r.StructuredContent(); !w.hasText && structured != nil {
		w.text(string(structured[:min(len(structured), w.limit)]), len(structured))
	}
	if w.b.Len() == 0 {
		w.line("The tool returned nothing.")
	}
}

func (w *writer) content(item mcp.Content) {
	switch c := item.(type) {
	case mcp.TextContent:
		w.text(c.Text, len(c.Text))
	case mcp.ImageContent:
		w.media("image", c.MIMEType, "", c.Data)
	case mcp.AudioContent:
		w.media("audio", c.MIMEType, "", c.Data)
	case mcp.ResourceLink:
		w.line(bracket("link", c.URI, c.Name, c.Title, c.MIMEType, c.Description))
	case mcp.EmbeddedResource:
		w.resource(c.Resource)
	case mcpclient.UnknownContent:
		w.line(bracket("content that cannot be shown", c.Type))
	default:
		w.line(bracket("content that cannot be shown"))
	}
}

func (w *writer) resource(contents mcp.ResourceContents) {
	switch c := contents.(type) {
	case mcp.TextResourceContents:
		w.line(bracket("resource", c.URI, c.MIMEType))
		w.text(c.Text, len(c.Text))
	case mcp.BlobResourceContents:
		w.media("resource", c.MIMEType, c.URI, c.Blob)
	default:
		w.line(bracket("resource that cannot be shown"))
	}
}

// media adds a part and a line for it.
func (w *writer) media(kind, declared, name, data string) {
	size := fmt.Sprintf("%d bytes", base64.StdEncoding.DecodedLen(len(data))-(len(data)-len(strings.TrimRight(data, "="))))
	switch {
	case len(data) > maxMedia-w.media64:
		w.line(bracket(kind, name, declared, size, "left out: a result may have 5 MiB of such data"))
		return
	case len(w.parts) >= maxParts:
		w.line(bracket(kind, name, declared, size, "left out: a result may have 16 such parts"))
		return
	}
	mimeType, ok := typeOf(declared, data)
	if !ok {
		w.line(bracket(kind, name, declared, "left out: its data is not base64"))
		return
	}
	w.line(bracket(kind, name, mimeType, size))
	w.media64 += len(data)
	w.parts = append(w.parts, Part{MIMEType: mimeType, Name: name, Data: data})
}

// recognized are the types whose data must be what the type says, because APIs check it.
var recognized = map[string]bool{
	"image/png": true, "image/jpeg": true, "image/gif": true, "image/webp": true, "application/pdf": true,
}

// typeOf returns the MIME type of base64 data; ok is false if it is invalid or empty.
func typeOf(declared, data string) (mimeType string, ok bool) {
	decoder := base64.NewDecoder(base64.StdEncoding.Strict(), strings.NewReader(data))
	head := make([]byte, 512)
	n, err := io.ReadFull(decoder, head)
	if err == nil {
		_, err = io.Copy(io.Discard, decoder)
	}
	if err != nil && err != io.ErrUnexpectedEOF || strings.ContainsAny(data, "\r\n") {
		return "", false
	}
	if len(data)%4 != 0 { // the decoder reports a missing end as it reports a short one
		return "", false
	}
	declared, _, _ = strings.Cut(strings.ToLower(redact.Line(declared, maxLabel)), ";")
	switch detected := http.DetectContentType(head[:n]); {
	case recognized[detected]:
		return detected, true
	case recognized[declared] || declared == "":
		return "application/octet-stream", true
	}
	return declared, true
}

// bracket returns a line that describes an item.
func bracket(kind string, details ...string) string {
	var b strings.Builder
	b.WriteString("[" + kind)
	for _, detail := range details {
		if detail = redact.Line(detail, maxLabel); detail != "" {
			b.WriteString(", " + detail)
		}
	}
	return b.String() + "]"
}
