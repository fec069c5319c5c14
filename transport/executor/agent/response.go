package agent

import (
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/hawser-mcp/hawser/internal/execproto"
	"github.com/hawser-mcp/hawser/internal/httprule"
	"github.com/hawser-mcp/hawser/transport"
)

// responseHeaders returns the fields of a response, sorted, with names in lower case and one entry
// for each repeated field. It omits values that are not text.
func responseHeaders(h http.Header) []execproto.Header {
	removeHopByHop(h)
	fields := make([]execproto.Header, 0, len(h))
	for name, values := range h {
		name = strings.ToLower(name)
		for _, v := range values {
			if httprule.IsFieldValue(v) && utf8.ValidString(v) {
				fields = append(fields, execproto.Header{Name: name, Value: v})
			}
		}
	}
	slices.SortStableFunc(fields, func(a, b execproto.Header) int { return strings.Compare(a.Name, b.Name) })
	return fields
}

// failure is the error of an exchange that is sent to the client.
type failure struct {
	code  int64
	text  string
	stage execproto.Stage
}

// Error returns the text.
func (f *failure) Error() string { return f.text }

// invalid returns the failure of a request that cannot be sent.
func invalid(err error) *failure {
	return &failure{execproto.CodeInvalidParams, err.Error(), execproto.Stage{NotSent: true, Permanent: true}}
}

// failed returns the failure of an exchange. After a redirect the stage is never notSent, because a
// server has seen the request.
func failed(err error, redirected bool) *failure {
	var refused *PolicyError
	if errors.As(err, &refused) && !redirected {
		return invalid(refused)
	}
	return &failure{
		code: execproto.CodeFailed,
		text: "http/request failed: " + cause(err),
		stage: execproto.Stage{
			NotSent:   !redirected && transport.StageOf(err) == transport.NotSent,
			Permanent: transport.IsPermanent(err) || refused != nil || err == errTooManyRedirects,
		},
	}
}

// cause returns the text of an error without its stage. Direct has already scrubbed its error
// texts.
func cause(err error) string {
	var e *transport.Error
	if errors.As(err, &e) && e.Err != nil {
		return e.Err.Error()
	}
	return err.Error()
}

// frame returns the error as a message.
func (f *failure) frame(rawID []byte) *frame {
	var data []byte
	if f.code == execproto.CodeInvalidParams || f.code == execproto.CodeFailed {
		data = execproto.AppendStage(nil, f.stage)
	}
	m := newFrame(0)
	m.b = execproto.AppendError(m.b, rawID, f.code, f.text, data)
	return m
}

// overBudget returns the failure of an exchange for which there is no room.
func overBudget(notSent bool) *failure {
	return &failure{
		code:  execproto.CodeFailed,
		text:  "http/request failed: " + errBudget.Error(),
		stage: execproto.Stage{NotSent: notSent},
	}
}

const firstRead = 4 << 10 // the first buffer for a body that is not streamed, in bytes

// readAll reads the body of a response that is not streamed. Its buffer counts.
func (e *exchange) readAll(body io.ReadCloser) ([]byte, *failure) {
	defer body.Close()
	limit := e.s.c.MaxBuffered
	var data []byte
	for int64(len(data)) <= limit {
		if len(data) == cap(data) {
			size := min(max(2*int64(cap(data)), firstRead), limit+1)
			if !e.hold(size) {
				return nil, overBudget(false)
			}
			grown := append(make([]byte, 0, size), data...)
			e.drop(int64(cap(data)))
			data = grown
		}
		n, err := body.Read(data[len(data):cap(data)])
		data = data[:len(data)+n]
		switch {
		case int64(len(data)) > limit:
		case err == io.EOF:
			return data, nil
		case err != nil:
			return nil, &failure{code: execproto.CodeFailed, text: "failed to read http/request response body: " + cause(err)}
		}
	}
	return nil, &failure{
		code:  execproto.CodeFailed,
		text:  "failed to read http/request response body: too large without streaming",
		stage: execproto.Stage{Permanent: true},
	}
}
