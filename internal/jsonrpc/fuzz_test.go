package jsonrpc

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"strconv"
	"strings"
	"testing"
)

// Each fuzz test compares a parser with encoding/json.

// jsonSeeds are whole texts, valid and invalid.
var jsonSeeds = []string{
	``, ` `, `null`, `true`, `[]`, `{}`, `[1,2]`, `{"a":{"b":[1,{}]}}`, ` { "a" : [ ] } `, `{"a":1,}`, `[1,,2]`, `{"a"}`, `"\ud83d\ude00"`,
	`[[[[[[[[]]]]]]]]`, `-0.5e+3`, `01`, `1e`, `"` + "\xff" + `"`, "\"\n\"", `[1}`, `{]`, `nul`, `tru e`, "\x00", `{"a":1}{"b":2}`,
	"{\n          \"a\":\n                 [ 1          ,        2]        \n         }         ",
	`{"tools":[{"name":"x","inputSchema":{"type":"object"}}],"nextCursor":null}`,
}

func FuzzSkip(f *testing.F) {
	for _, seed := range jsonSeeds {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		// encoding/json stops at 10,000 levels; use the same limit here.
		c := NewCursor(data, 10_000)
		value := c.Skip()
		c.End()
		if valid := json.Valid(data); valid != (c.Err() == nil) {
			t.Fatalf("json.Valid returned %v, Skip %v", valid, c.Err())
		}
		if c.Err() == nil && !bytes.Equal(value, bytes.Trim(data, " \t\r\n")) {
			t.Fatalf("Skip returned %q", value)
		}
		requireSameValue(t, data, 10_000)
		requireSameValue(t, data, 5)
		// Reading with the typed methods accepts the same texts, except for numbers outside
		// float64.
		walked := NewCursor(data, 10_000)
		walk(&walked, new(strings.Builder))
		walked.End()
		var shape *ShapeError
		if (walked.Err() == nil) != (c.Err() == nil) && !errors.As(walked.Err(), &shape) {
			t.Fatalf("walk returned %v, Skip %v", walked.Err(), c.Err())
		}
	})
}

// requireSameValue compares Skip with the reference.
func requireSameValue(t *testing.T, data []byte, maxDepth int) {
	t.Helper()
	c := NewCursor(data, maxDepth)
	got := c.Skip()
	want, err := referenceSkip(data, maxDepth)
	if !bytes.Equal(got, want) || fmt.Sprint(c.Err()) != fmt.Sprint(err) {
		t.Fatalf("%q: Skip returned %q, %v; the reference %q, %v", data, got, c.Err(), want, err)
	}
}

func FuzzString(f *testing.F) {
	for _, seed := range oddStrings {
		f.Add([]byte(`"` + seed + `"`))
	}
	f.Add([]byte(`"a long run of plain text that takes several windows\u00e9` + "\xff" + `\ud83d\ude00 and more"`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) == 0 || data[0] != '"' {
			data = append(append([]byte{'"'}, data...), '"')
		}
		requireSameString(t, data)
		requireSameUTF8(t, data)
		// The output of AppendString decodes to the original text, with U+FFFD for each byte that
		// is not UTF-8.
		written := AppendString(nil, string(data))
		if std := stdString(t, string(data)); string(written) != std {
			t.Fatalf("AppendString wrote %s, encoding/json %s", written, std)
		}
		requireSameString(t, written)
	})
}

func FuzzNumber(f *testing.F) {
	for _, seed := range []string{
		"0", "-0", "1.0", "1e3", "-1.5E+2", "100e-2", "9223372036854775807", "-9223372036854775808", "9223372036854775808",
		"922337203685477580.7e1", "0e99999", "1e-400", "1e400", "01", "1.", ".5", "-", "1e", "0.1", "123456789012345678901234567890e-20",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		valid := json.Valid([]byte(text)) && strings.Trim(text, " \t\r\n") == text && strings.ContainsAny(text[:1], "-0123456789")
		skip, integer, float := NewCursor([]byte(text), 0), NewCursor([]byte(text), 0), NewCursor([]byte(text), 0)
		i, x := integer.Int64(), float.Float64()
		integer.End()
		float.End()
		if skip.Kind() != Number || !valid {
			if valid || integer.Err() == nil && strings.Trim(text, " \t\r\n") == text {
				t.Fatalf("valid is %v, but Kind returned %v and Int64 %v", valid, skip.Kind(), integer.Err())
			}
			return
		}
		if want, err := strconv.ParseFloat(text, 64); (err == nil) != (float.Err() == nil) || err == nil && want != x {
			t.Fatalf("Float64 returned %v, %v; strconv %v, %v", x, float.Err(), want, err)
		}
		if e := strings.IndexAny(text, "eE"); e >= 0 && len(text)-e > 6 {
			return // the exponent is too large for the reference
		}
		want, ok := new(big.Rat).SetString(text)
		if !ok {
			t.Fatalf("math/big does not accept %q", text)
		}
		fits := want.IsInt() && want.Num().IsInt64()
		if fits != (integer.Err() == nil) || fits && want.Num().Int64() != i {
			t.Fatalf("Int64 returned %v, %v; math/big %v", i, integer.Err(), want)
		}
	})
}

func FuzzMessage(f *testing.F) {
	for _, seed := range []string{
		`{"jsonrpc":"2.0","id":1,"result":{"n":1,"text":"x"}}`, `{"jsonrpc":"2.0","id":"a","method":"ping","params":{}}`,
		`{"jsonrpc":"2.0","method":"notifications/progress","params":{"progress":1}}`, `{"jsonrpc":"2.0","id":null,"error":{"code":-1,"message":"m","data":1}}`,
		`{"jsonrpc":"2.0","id":1,"error":"bare"}`, `{"jsonrpc":"2.0","id":1,"result":null,"error":null}`, `{"jsonrpc":"2.0","id":1,"id":1,"result":1}`,
		`[{"jsonrpc":"2.0"}]`, `{"jsonrpc":"1.0","result":1}`, `{"jsonrpc":"2.0","result":{"n":"x"}}`, `{"jsonrpc":"2.0","method":"a","result":1}`,
		`{"jsonrpc":"2.0","id":true,"result":1}`, `{"\u006asonrpc":"2.0","method":"a","params":null}`, `{"jsonrpc":"2.0","error":{"code":1e2}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var m, decoded Message
		err := m.Decode(data, nil)
		if errors.Is(err, ErrDepth) {
			return // the reference allows greater depth
		}
		want, wantErr := referenceDecode(data)
		if (err == nil) != (wantErr == nil) {
			t.Fatalf("Decode returned %v, the reference %v", err, wantErr)
		}
		dec := new(contentLength)
		if decErr := decoded.Decode(data, dec); (decErr == nil) != (err == nil) {
			t.Fatalf("with a decoder %v, without %v", decErr, err)
		}
		if err != nil {
			return
		}
		requireSameMessage(t, want, &m)
		if decoded.ResultErr == nil {
			decoded.Result = m.Result
		}
		decoded.ResultErr = nil
		requireSameMessage(t, want, &decoded)
	})
}

func requireSameMessage(t *testing.T, want, got *Message) {
	t.Helper()
	same := bytes.Equal(want.ID, got.ID) && want.Method == got.Method && bytes.Equal(want.Params, got.Params) &&
		want.HasResult == got.HasResult && bytes.Equal(want.Result, got.Result) && (want.Error == nil) == (got.Error == nil)
	if same && want.Error != nil {
		same = want.Error.Code == got.Error.Code && want.Error.Message == got.Error.Message && bytes.Equal(want.Error.Data, got.Error.Data)
	}
	if !same {
		t.Fatalf("got %+v, error %+v\nexpected %+v, error %+v", got, got.Error, want, want.Error)
	}
}

var errReference = errors.New("not a message")

// referenceDecode reads an envelope with maps, which is slow. It uses the tokens of a json.Decoder
// to find duplicate members.
func referenceDecode(data []byte) (*Message, error) {
	if !json.Valid(data) {
		return nil, errReference
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(data, &members); err != nil || members == nil || knownTwice(data) {
		return nil, errReference
	}
	var version any
	if err := json.Unmarshal(orNull(members["jsonrpc"]), &version); err != nil || version != "2.0" {
		return nil, errReference
	}
	m := &Message{ID: members["id"], Result: members["result"], HasResult: members["result"] != nil}
	if len(m.ID) > 0 && strings.IndexByte(`{[tf`, m.ID[0]) >= 0 {
		return nil, errReference
	}
	if raw := members["method"]; raw != nil {
		if raw[0] != '"' || json.Unmarshal(raw, &m.Method) != nil || m.Method == "" {
			return nil, errReference
		}
	}
	if raw := members["params"]; string(raw) != "null" {
		m.Params = raw
	}
	if raw := members["error"]; raw != nil && string(raw) != "null" {
		if m.Error = referenceError(raw); m.Error == nil {
			return nil, errReference
		}
	}
	kinds := 0
	for _, there := range []bool{m.Method != "", m.HasResult, m.Error != nil} {
		if there {
			kinds++
		}
	}
	if kinds != 1 {
		return nil, errReference
	}
	return m, nil
}

// referenceError returns nil for an invalid error member.
func referenceError(raw []byte) *Error {
	e := new(Error)
	coded := false
	if raw[0] != '{' {
		return nil
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	_, _ = dec.Token() // the brace
	for dec.More() {
		key, _ := dec.Token()
		var value json.RawMessage
		if dec.Decode(&value) != nil {
			return nil
		}
		switch key {
		case "code":
			code := NewCursor(value, 0) // FuzzNumber covers numbers
			e.Code, coded = code.Int64(), true
			if code.Err() != nil {
				return nil
			}
		case "message":
			if value[0] != '"' || json.Unmarshal(value, &e.Message) != nil {
				return nil
			}
		case "data":
			e.Data = value
		}
	}
	if !coded {
		return nil
	}
	return e
}

// knownTwice reports whether a member of the envelope is duplicated.
func knownTwice(object []byte) bool {
	dec := json.NewDecoder(bytes.NewReader(object))
	_, _ = dec.Token() // the brace
	seen := map[string]int{}
	for dec.More() {
		key, _ := dec.Token()
		var value json.RawMessage
		if dec.Decode(&value) != nil {
			return true
		}
		seen[key.(string)]++
	}
	for _, name := range []string{"jsonrpc", "id", "method", "params", "result", "error"} {
		if seen[name] > 1 {
			return true
		}
	}
	return false
}

func orNull(raw json.RawMessage) json.RawMessage {
	if raw == nil {
		return json.RawMessage("null")
	}
	return raw
}
