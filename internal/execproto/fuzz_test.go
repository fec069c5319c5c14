package execproto

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/hawser-mcp/hawser/internal/jsonrpc"
)

// Each fuzz test except the last compares a parser with encoding/json.

func FuzzMessage(f *testing.F) {
	for _, seed := range []string{
		`{"id":1,"method":"m","params":{"a":1}}`, `{"id":"x","result":{"b":[{}]},"error":null}`, `{"error":{"code":-32600,"message":"m","data":[]},"id":-1}`,
		`{"method":"http/request/bodyDelta","params":{"requestId":"a","seq":2,"deltaBase64":"QQ==","done":true,"error":"cut"}}`,
		`{"params":{"requestId":"a","seq":1e0},"method":"http/request/bodyDelta"}`, `{"params":null,"method":"http/request/bodyDelta"}`,
		`{"id":null,"method":"m"}`, `{"id":null,"error":{}}`, `{"id":1,"id":1,"result":1}`, `[]`, `{"method":"a","params":{},"method":"b"}`, `{"\u0069d":1.5,"result":null}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var m Message
		err := m.Read(data)
		if errors.Is(err, jsonrpc.ErrDepth) {
			return // the reference allows greater depth
		}
		want, ok := referenceMessage(data)
		compare(t, want, &m, ok, err)
	})
}

func FuzzHTTPRequest(f *testing.F) {
	for _, seed := range []string{
		`{"method":"GET","url":"u","requestId":"r"}`, `{"method":"GET","url":"u","requestId":"r","headers":null}`, `{"method":"m","url":"u"}`,
		`{"method":"POST","url":"http:\/\/h","headers":[{"name":"a","value":"b","valueEnvVar":"C"},{"value":"","name":"","valueEnvVar":null}],"bodyBase64":"QQ==","timeoutMs":5e3,"redirectPolicy":"stop","requestId":"\u00e9","streamResponse":true,"x":{}}`,
		`{"method":"m","url":"u","requestId":"r","bodyBase64":"QQ","redirectPolicy":null,"timeoutMs":-1,"url":"v"}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := ReadHTTPRequest(data)
		if errors.Is(err, jsonrpc.ErrDepth) {
			return
		}
		want, ok := referenceRequest(data)
		compare(t, want, r, ok, err)
	})
}

func FuzzHTTPResponse(f *testing.F) {
	for _, seed := range []string{
		`{"status":200,"headers":[{"name":"a","value":"b"}],"bodyBase64":"QUI="}`, `{"status":1e2,"headers":[]}`, `{"status":99}`, `{"status":200,"headers":[{"name":"a"}]}`,
		`null`, `{"status":200,"bodyBase64":null,"headers":[{"name":"a","value":"b","name":"c"}]}`, `{"status":200,"bodyBase64":"A"}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := ReadHTTPResponse(data)
		if errors.Is(err, jsonrpc.ErrDepth) {
			return
		}
		want, ok := referenceResponse(data)
		compare(t, want, r, ok, err)
	})
}

// FuzzRoundTrip checks that appended messages are read back unchanged, except that invalid UTF-8
// becomes U+FFFD.
func FuzzRoundTrip(f *testing.F) {
	f.Add(int64(1), "GET", "http://h/", "http-1", "accept", "*/*", "ENV", []byte("body"), true)
	f.Add(int64(-1), "\xff", "\"\\\n", "", "é", "\u2028", "", []byte{}, false)
	f.Fuzz(func(t *testing.T, n int64, method, url, id, name, value, env string, body []byte, yes bool) {
		request := &HTTPRequest{Method: method, URL: url, Headers: []Header{{Name: name, Value: value, EnvVar: env}, {}}, Body: body, TimeoutMs: -1, Stop: yes, RequestID: id, Stream: !yes}
		m := readBack(t, AppendHTTPRequest(nil, n, request), Request)
		if got, ok := m.ID(); !ok || got != n {
			t.Fatalf("got id %d, %v", got, ok)
		}
		gotRequest, err := ReadHTTPRequest(m.Params)
		request.Method, request.URL, request.RequestID = valid(method), valid(url), valid(id)
		request.Headers[0] = Header{Name: valid(name), Value: valid(value), EnvVar: valid(env)}
		compare(t, request, gotRequest, true, err)

		response := &HTTPResponse{Status: 100 + int(uint64(n)%900), Headers: []Header{{Name: name, Value: value}}, Body: body}
		m = readBack(t, AppendHTTPResponse(nil, m.RawID, response), Result)
		gotResponse, err := ReadHTTPResponse(m.Result)
		response.Headers[0] = Header{Name: valid(name), Value: valid(value)}
		compare(t, response, gotResponse, true, err)

		m = readBack(t, AppendDelta(nil, id, n, body, yes, value), BodyDelta)
		piece, err := m.Delta.Decode(nil)
		want := Delta{RequestID: []byte(valid(id)), Seq: n, Base64: m.Delta.Base64, Done: yes, Failed: value != "", Error: valid(value)}
		compare(t, &want, &m.Delta, true, err)
		if !bytes.Equal(piece, body) || len(piece) > m.Delta.Size() {
			t.Fatalf("got piece %q (size %d), expected %q", piece, m.Delta.Size(), body)
		}

		m = readBack(t, AppendError(nil, []byte(`"x"`), n, value, AppendStage(nil, Stage{NotSent: yes, Permanent: !yes})), Failure)
		stage, ok := ReadStage(m.Error.Data)
		if m.Error.Code != n || m.Error.Message != valid(value) || !ok || stage != (Stage{NotSent: yes, Permanent: !yes}) {
			t.Fatalf("got error %+v, stage %+v, %v", m.Error, stage, ok)
		}
	})
}

func valid(s string) string { return string([]rune(s)) }

func readBack(t *testing.T, text []byte, kind Kind) Message {
	t.Helper()
	var m Message
	if err := m.Read(text); err != nil || m.Kind != kind || !json.Valid(text) {
		t.Fatalf("%s was read as %+v, %v", text, m, err)
	}
	return m
}

func compare[T any](t *testing.T, want, got *T, ok bool, err error) {
	t.Helper()
	if ok != (err == nil) {
		t.Fatalf("the reader returned %v, the reference %v", err, ok)
	}
	if ok && !reflect.DeepEqual(plain(reflect.ValueOf(want)), plain(reflect.ValueOf(got))) {
		t.Fatalf("got %+v\nexpected %+v", got, want)
	}
}

// plain returns a printable form of a value in which nil and empty slices are the same.
func plain(v reflect.Value) any {
	switch v.Kind() {
	case reflect.Pointer:
		return plain(v.Elem())
	case reflect.Struct:
		fields := []any{}
		for i := range v.NumField() {
			fields = append(fields, plain(v.Field(i)))
		}
		return fields
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return string(v.Bytes())
		}
		elements := []any{}
		for i := range v.Len() {
			elements = append(elements, plain(v.Index(i)))
		}
		return elements
	default:
		return v.Interface()
	}
}

// reference reads one object with encoding/json, which is slow. It sets wrong if anything is
// invalid.
type reference struct {
	members map[string]json.RawMessage
	wrong   *bool
}

// referenceObject starts reading an object. None of the given names may be duplicated in it.
func referenceObject(data []byte, wrong *bool, names ...string) reference {
	r := reference{wrong: wrong}
	if !json.Valid(data) || json.Unmarshal(data, &r.members) != nil || r.members == nil {
		*wrong = true
		return r
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	_, _ = dec.Token() // the brace
	seen := map[any]bool{}
	for dec.More() {
		key, _ := dec.Token()
		var value json.RawMessage
		_ = dec.Decode(&value)
		if name, _ := key.(string); seen[key] && slices.Contains(names, name) {
			*wrong = true
		}
		seen[key] = true
	}
	return r
}

func (r reference) has(name string) bool {
	raw, there := r.members[name]
	return there && string(raw) != "null"
}

func (r reference) must(names ...string) {
	for _, name := range names {
		if _, there := r.members[name]; !there {
			*r.wrong = true
		}
	}
}

// value returns a member, which must have the right type if it is present.
func value[T any](r reference, name string, start string) (v T) {
	raw, there := r.members[name]
	if there && (len(raw) == 0 || !bytes.ContainsAny(raw[:1], start) || json.Unmarshal(raw, &v) != nil) {
		*r.wrong = true
	}
	return v
}

func (r reference) text(name string) string { return value[string](r, name, `"`) }
func (r reference) yes(name string) bool    { return value[bool](r, name, `tf`) }

func (r reference) number(name string) int64 {
	raw, there := r.members[name]
	if !there {
		return 0
	}
	c := jsonrpc.NewCursor(raw, 0) // another fuzz test covers numbers
	n := c.Int64()
	*r.wrong = *r.wrong || c.Err() != nil
	return n
}

func (r reference) base64(name string) []byte {
	body, err := base64.StdEncoding.DecodeString(r.text(name))
	*r.wrong = *r.wrong || err != nil
	return body
}

func (r reference) headers() (headers []Header) {
	for _, raw := range value[[]json.RawMessage](r, "headers", "[") {
		h := referenceObject(raw, r.wrong, "name", "value", "valueEnvVar")
		h.must("name", "value")
		header := Header{Name: h.text("name"), Value: h.text("value")}
		if h.has("valueEnvVar") {
			header.EnvVar = h.text("valueEnvVar")
		}
		headers = append(headers, header)
	}
	return headers
}

func referenceRequest(data []byte) (*HTTPRequest, bool) {
	wrong := false
	o := referenceObject(data, &wrong, "method", "url", "requestId", "headers", "bodyBase64", "timeoutMs", "redirectPolicy", "streamResponse")
	o.must("method", "url", "requestId")
	r := &HTTPRequest{Method: o.text("method"), URL: o.text("url"), RequestID: o.text("requestId"), Headers: o.headers(), TimeoutMs: -1, Stream: o.yes("streamResponse")}
	if o.has("bodyBase64") {
		r.Body = o.base64("bodyBase64")
	}
	if o.has("timeoutMs") {
		r.TimeoutMs = o.number("timeoutMs")
		wrong = wrong || r.TimeoutMs < 0
	}
	if policy, there := o.members["redirectPolicy"]; there {
		r.Stop = o.text("redirectPolicy") == "stop"
		wrong = wrong || !r.Stop && o.text("redirectPolicy") != "follow" || string(policy) == "null"
	}
	return r, !wrong
}

func referenceResponse(data []byte) (*HTTPResponse, bool) {
	wrong := false
	o := referenceObject(data, &wrong, "status", "headers", "bodyBase64")
	r := &HTTPResponse{Status: int(o.number("status")), Headers: o.headers()}
	if o.has("bodyBase64") {
		r.Body = o.base64("bodyBase64")
	}
	return r, !wrong && r.Status >= 100 && r.Status <= 999
}

func referenceDelta(data []byte, wrong *bool) (d Delta) {
	o := referenceObject(data, wrong, "requestId", "seq", "deltaBase64", "done", "error")
	o.must("requestId")
	d.RequestID, d.Seq = []byte(o.text("requestId")), o.number("seq")
	if o.has("deltaBase64") {
		d.Base64 = []byte(o.text("deltaBase64"))
	}
	d.Done = o.has("done") && o.yes("done")
	if d.Failed = o.has("error"); d.Failed {
		d.Error = o.text("error")
	}
	return d
}

func referenceMessage(data []byte) (*Message, bool) {
	wrong := false
	o := referenceObject(data, &wrong, "id", "method", "params", "result", "error")
	m := &Message{RawID: o.members["id"], Result: o.members["result"], Method: o.text("method")}
	_, called := o.members["method"]
	failed := o.has("error")
	if failed {
		e := referenceObject(o.members["error"], &wrong, "code", "message", "data")
		m.Error = Error{Code: e.number("code"), Message: e.text("message"), Data: e.members["data"]}
	}
	isDelta := m.Method == MethodBodyDelta
	if _, there := o.members["params"]; isDelta && (m.RawID == nil || there && !paramsFirst(data)) {
		m.Delta = referenceDelta(o.members["params"], &wrong)
	}
	if o.has("params") && (!isDelta || paramsFirst(data)) {
		m.Params = o.members["params"]
	}
	answers := m.Result != nil || failed
	switch {
	case called == answers, m.Result != nil && failed, answers && m.RawID == nil, called && string(m.RawID) == "null":
		wrong = true
	case len(m.RawID) > 0 && strings.IndexByte(`{[tf`, m.RawID[0]) >= 0:
		wrong = true
	case called && m.RawID != nil:
		m.Kind = Request
	case called && isDelta:
		m.Kind = BodyDelta
	case called:
		m.Kind = Notification
	case failed:
		m.Kind = Failure
	default:
		m.Kind = Result
	}
	return m, !wrong
}

// paramsFirst reports whether the params precede the method. The parser then keeps them raw.
func paramsFirst(data []byte) bool {
	dec := json.NewDecoder(bytes.NewReader(data))
	_, _ = dec.Token() // the brace
	for dec.More() {
		key, _ := dec.Token()
		var value json.RawMessage
		_ = dec.Decode(&value)
		switch key {
		case "params":
			return true
		case "method":
			return false
		}
	}
	return false
}
