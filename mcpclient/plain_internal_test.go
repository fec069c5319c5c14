package mcpclient

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The values of members of a handshake, as JSON. Most are plain.
var (
	plainTexts = []string{`"a"`, `""`, `"\u00e9\n\ud83d\ude00"`, `"é\ud800"`, "\"\xff\xc3\""}
	oddTexts   = []string{`null`, `2`, `true`, `[]`, `{}`}
	plainInfos = []string{
		`{"name":"n","version":"1"}`, `{}`, `{"name":"\u006e","other":[{"name":1}],"title":"t","description":"d","websiteUrl":"w"}`,
		`{"icons":[{"src":"s","mimeType":"m","sizes":["1x1"],"theme":"dark"}],"name":"n"}`, `{"icons":null}`,
	}
	oddInfos = []string{
		`null`, `[]`, `"n"`, `{"version":2}`, `{"name":null,"version":"1"}`, `{"Name":"n"}`, `{"name":"a","name":"b"}`, `{"name":"n","icons":{}}`,
		`{"icons":[{"src":1}]}`, "{\"ver\u017fion\":\"1\"}",
	}
	plainCaps = []string{
		`{"tools":{"listChanged":true},"prompts":{},"resources":{"subscribe":true,"listChanged":false},"logging":{"x":1},"completions":{}}`,
		`{"tools":{"listChanged":false,"subscribe":7,"more":[1]},"resources":{"listChanged":true},"prompts":{"listChanged":true},"future":[]}`,
		`{"experimental":{"a":{"b":[1,2.5,null]}},"extensions":{"x/y":{"z":true}},"tasks":{"list":{}},"sampling":{"tools":{}},"roots":{"a":1},"elicitation":{}}`,
		`{}`,
	}
	oddCaps = []string{
		`null`, `[]`, `{"tools":[]}`, `{"tools":null}`, `{"tools":true,"logging":{}}`, `{"tools":{"listChanged":null}}`, `{"tools":{"ListChanged":true}}`,
		`{"tools":{"listChanged":1}}`, `{"Logging":{}}`, `{"logging":null}`, `{"tools":{},"tools":{"listChanged":true}}`, `{"extensions":[]}`,
		`{"resources":{"subscribe":true,"subscribe":false}}`,
	}
)

// sameDecoding checks that decode gives the same as encoding/json, and reports whether data is in
// plain form.
func sameDecoding[T any](t *testing.T, data string, decode func(r *T, data []byte) error) {
	t.Helper()
	var got, want T
	wantErr := json.Unmarshal([]byte(data), &want)
	require.Equal(t, wantErr, decode(&got, []byte(data)), data)
	if wantErr == nil {
		require.Equal(t, want, got, data)
	}
}

// object returns a JSON object with one of the values for each member.
func object(members map[string]string) string {
	var parts []string
	for name, value := range members {
		parts = append(parts, fmt.Sprintf(" %q : %s", name, value))
	}
	return "{" + strings.Join(parts, ",") + "}"
}

// The result of a handshake means the same whether it is in plain form or not.
func TestPlainHandshakeMeansTheSame(t *testing.T) {
	handshakes := func(each func(members map[string]string, plain bool)) {
		for kind, values := range map[string][2][]string{
			"protocolVersion": {plainTexts, oddTexts}, "instructions": {plainTexts, oddTexts}, "serverInfo": {plainInfos, oddInfos},
			"capabilities": {plainCaps, oddCaps}, "supportedVersions": {{`["a","b"]`, `[]`}, {`null`, `["a",1]`, `["a",null]`, `"a"`}},
			"_meta":   {{`{}`, `{"x":1}`}, {`null`, `[]`, `{"IO.modelcontextprotocol/serverInfo":{}}`, `{"io.modelcontextprotocol/serverInfo":null}`}},
			"unknown": {{`null`, `[1]`}},
		} {
			for i, some := range values {
				for _, value := range some {
					each(map[string]string{"protocolVersion": `"p"`, "supportedVersions": `["s"]`, kind: value}, i == 0)
				}
			}
		}
		for i, some := range [][]string{plainInfos, oddInfos} {
			for _, info := range some {
				each(map[string]string{"_meta": `{"io.modelcontextprotocol/serverInfo":` + info + `}`}, i == 0)
			}
		}
	}
	handshakes(func(members map[string]string, plain bool) {
		text := object(members)
		sameDecoding(t, text, (*initializeResult).decode)
		sameDecoding(t, text, (*discoverResult).decode)
		legacy, modern := isPlain([]byte(text), new(initializeResult).plain), isPlain([]byte(text), new(discoverResult).plain)
		require.Equal(t, plain, legacy && modern, text)
	})
	for _, text := range []string{
		``, `null`, `[]`, `{`, `{"protocolVersion":"a"}x`, `{"protocolVersion":"a","protocolVersion":"b"}`, `{"ProtocolVersion":"a"}`,
		`{"serverInfo":{"name":"a"},"serverInfo":{"version":"b"}}`,
	} {
		sameDecoding(t, text, (*initializeResult).decode)
		sameDecoding(t, text, (*discoverResult).decode)
		require.False(t, isPlain([]byte(text), new(initializeResult).plain), text)
	}
}
