package mcpclient

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/wire"
)

const fullSample = `{
	"messages": [
		{"role":"user","content":{"type":"text","text":"weather?"},"_meta":{"k":1}},
		{"role":"assistant","content":[
			{"type":"text","text":"wait"},
			{"type":"tool_use","id":"a","name":"get_weather","input":{"id": 9007199254740993}},
			{"type":"tool_use","id":"b","name":"get_weather","input":{}}
		]},
		{"content":[
			{"type":"tool_result","toolUseId":"b","content":[{"type":"text","text":"15"}],"structuredContent":{"n": 9007199254740993}},
			{"type":"tool_result","toolUseId":"a","content":[{"type":"hologram","x":1}],"isError":true}
		],"role":"user"},
		{"role":"user","content":[{"type":"image","data":"AQID","mimeType":"image/png"},{"type":"hologram","points":[1]},{"type":"image","data":"%"}]}
	],
	"modelPreferences": {"hints":[{"name":"sonnet","future":1},{"name":"claude"}],"costPriority":0.3,"speedPriority":0.8,
		"intelligencePriority":0.5,"future":1},
	"systemPrompt": "Be helpful.", "includeContext": "thisServer", "temperature": 0, "maxTokens": 100, "stopSequences": ["\n\n"],
	"metadata": {"trace": 9007199254740993},
	"tools": [{"name":"get_weather","description":"d","inputSchema":{ "type":"object","maximum":9007199254740993 },"future":1}],
	"toolChoice": {"mode":"required"}, "_meta": {"k":"v","progressToken":7}, "future": {}
}`

func TestSampleRequest(t *testing.T) {
	got, err := decodeSample(json.RawMessage(fullSample))
	require.NoError(t, err)
	require.Equal(t, fullSample, string(got.Raw))
	require.Equal(t, &mcp.Meta{ProgressToken: json.Number("7"), AdditionalFields: map[string]any{"k": json.RawMessage(`"v"`)}}, got.Meta)
	require.True(t, got.HasTemperature)
	require.True(t, got.wantsTools())
	messages, tools := got.Messages, got.Tools
	got.Messages, got.Tools = nil, nil
	require.Equal(t, mcp.CreateMessageParams{
		ModelPreferences: &mcp.ModelPreferences{
			Hints: []mcp.ModelHint{{Name: "sonnet"}, {Name: "claude"}}, CostPriority: 0.3, SpeedPriority: 0.8, IntelligencePriority: 0.5,
		},
		SystemPrompt: "Be helpful.", IncludeContext: "thisServer", MaxTokens: 100, StopSequences: []string{"\n\n"},
		Metadata: json.RawMessage(`{"trace": 9007199254740993}`), ToolChoice: &mcp.ToolChoice{Mode: mcp.ToolChoiceModeRequired},
	}, got.CreateMessageParams)

	require.Len(t, tools, 1)
	require.Equal(t, `{ "type":"object","maximum":9007199254740993 }`, string(tools[0].RawInputSchema))
	require.Zero(t, tools[0].InputSchema)

	require.Len(t, messages, 4)
	require.Equal(t, mcp.SamplingMessage{Role: mcp.RoleUser, Content: mcp.TextContent{Type: "text", Text: "weather?"}}, messages[0])
	require.Equal(t, []mcp.Content{
		mcp.TextContent{Type: "text", Text: "wait"},
		mcp.ToolUseContent{Type: "tool_use", ID: "a", Name: "get_weather", Input: json.RawMessage(`{"id": 9007199254740993}`)},
		mcp.ToolUseContent{Type: "tool_use", ID: "b", Name: "get_weather", Input: json.RawMessage(`{}`)},
	}, messages[1].Content)
	results := messages[2].Content.([]mcp.Content)
	require.Equal(t, mcp.RoleUser, messages[2].Role)
	require.Equal(t, `{"n": 9007199254740993}`, string(results[0].(mcp.ToolResultContent).RawStructuredContent))
	require.True(t, results[1].(mcp.ToolResultContent).IsError)
	require.Equal(t, []mcp.Content{UnknownContent{Type: "hologram", Raw: json.RawMessage(`{"type":"hologram","x":1}`)}},
		results[1].(mcp.ToolResultContent).Content)
	last := messages[3].Content.([]mcp.Content)
	require.Equal(t, mcp.ImageContent{Type: "image", Data: "AQID", MIMEType: "image/png"}, last[0])
	require.Equal(t, UnknownContent{Type: "hologram", Raw: json.RawMessage(`{"type":"hologram","points":[1]}`)}, last[1])
	require.ErrorIs(t, last[2].(UnknownContent).Err, wire.ErrBase64)
}

const (
	aMessage = `{"role":"user","content":{"type":"text","text":"hi"}}`
	someUses = `{"role":"assistant","content":[{"type":"tool_use","id":"a","name":"n","input":{}},` +
		`{"type":"tool_use","id":"b","name":"n","input":{}}]}`
	resultA = `{"type":"tool_result","toolUseId":"a","content":[]}`
	resultB = `{"type":"tool_result","toolUseId":"b","content":[]}`
)

func sampleOf(messages ...string) string {
	return `{"maxTokens":10,"messages":[` + strings.Join(messages, ",") + `]}`
}

func sampleTurn(role string, blocks ...string) string {
	return `{"role":"` + role + `","content":[` + strings.Join(blocks, ",") + `]}`
}

func TestSampleRequestsThatPass(t *testing.T) {
	for name, text := range map[string]string{
		"plain":           sampleOf(aMessage),
		"no messages yet": sampleOf(),
		"no blocks":       sampleOf(sampleTurn("user")),
		"null for what is absent": `{"maxTokens":1,"messages":[` + aMessage + `],"tools":null,"toolChoice":null,"modelPreferences":null,
			"metadata":null,"temperature":null,"systemPrompt":null,"includeContext":null,"stopSequences":null,"_meta":null}`,
		"answered uses":              sampleOf(aMessage, someUses, sampleTurn("user", resultB, resultA), aMessage),
		"two tool uses with results": sampleOf(someUses, sampleTurn("user", resultA, resultB), someUses, sampleTurn("user", resultA, resultB)),
		"one result, not listed": sampleOf(
			sampleTurn("assistant", `{"type":"tool_use","id":"a","name":"n","input":{}}`), `{"role":"user","content":`+resultA+`}`,
		),
		"content that is not a block": sampleOf(`{"role":"user","content":"hi"}`),
		"two messages of one role":    sampleOf(aMessage, aMessage),
	} {
		got, err := decodeSample(json.RawMessage(text))
		require.NoError(t, err, name)
		require.NotNil(t, got.Messages, name)
		require.False(t, got.wantsTools(), name)
		require.False(t, got.HasTemperature, name)
		require.Nil(t, got.Metadata, name)
	}
	got, err := decodeSample(json.RawMessage(sampleOf(`{"role":"user","content":"hi"}`)))
	require.NoError(t, err)
	require.Equal(t, `"hi"`, string(got.Messages[0].Content.(UnknownContent).Raw))
}

func TestSampleRequestWantsTools(t *testing.T) {
	for more, want := range map[string]bool{
		`"tools":[]`: true, `"toolChoice":{}`: true, `"toolChoice":{"mode":null}`: true, `"tools":[{"name":"n"}]`: true,
		`"tools":null`: false, `"x":1`: false,
	} {
		got, err := decodeSample(json.RawMessage(`{"messages":[],"maxTokens":1,` + more + `}`))
		require.NoError(t, err)
		require.Equal(t, want, got.wantsTools(), more)
	}
}

func TestSampleMaxTokens(t *testing.T) {
	for text, want := range map[string]int{
		"1": 1, "100.0": 100, "1e3": 1000, "10.9": 10, "4294967296": 1 << 32, "9223372036854775807": math.MaxInt, "1e300": math.MaxInt,
	} {
		got, err := decodeSample(json.RawMessage(`{"messages":[],"maxTokens":` + text + `}`))
		require.NoError(t, err, text)
		require.Equal(t, want, got.MaxTokens, text)
	}
	for text, want := range map[string]error{"0": wire.ErrMaxTokens, "-1": wire.ErrMaxTokens, "0.5": wire.ErrMaxTokens, "null": errNoMaxTokens} {
		_, err := decodeSample(json.RawMessage(`{"messages":[],"maxTokens":` + text + `}`))
		require.ErrorIs(t, err, want, text)
	}
}

func TestSampleRequestsThatAreRefused(t *testing.T) {
	use := `{"type":"tool_use","id":"a","name":"n","input":{}}`
	for _, tt := range []struct {
		text string
		want error
		says string
	}{
		{`{"messages":[]}`, errNoMaxTokens, ""},
		{`{"maxTokens":1}`, errNoMessages, ""},
		{`{"maxTokens":1,"messages":null}`, errNoMessages, ""},
		{sampleOf(aMessage, `{"role":"system","content":{"type":"text","text":"x"}}`), wire.ErrRole, "messages[1]"},
		{sampleOf(`{"content":{"type":"text","text":"x"}}`), wire.ErrRole, "messages[0]"},
		{sampleOf(`{"role":"user"}`), wire.ErrNoContent, "messages[0]"},
		{sampleOf(`{"role":"user","content":null}`), wire.ErrNoContent, "messages[0]"},
		// Messages that mix tool results with other content, of known or unknown types.
		{sampleOf(someUses, sampleTurn("user", resultA, resultB, `{"type":"text","text":"x"}`)), errMixed, "messages[1]"},
		{sampleOf(someUses, sampleTurn("user", `{"type":"hologram"}`, resultA, resultB)), errMixed, "messages[1]"},
		// Tool uses with no result, with a result that is not in the next message, with two
		// results, or with a result of the wrong role.
		{sampleOf(aMessage, someUses), errOpenUse, "messages[1]"},
		{sampleOf(someUses, sampleTurn("user", resultA)), errOpenUse, "messages[1]"},
		{sampleOf(someUses, aMessage), errOpenUse, "messages[1]"},
		{sampleOf(someUses, someUses), errOpenUse, "messages[1]"},
		{sampleOf(someUses, sampleTurn("user", resultA), sampleTurn("user", resultB)), errOpenUse, "messages[1]"},
		{sampleOf(someUses, sampleTurn("user")), errOpenUse, "messages[1]"},
		{sampleOf(someUses, sampleTurn("user", resultA, resultA)), errStrayResult, "messages[1]"},
		{sampleOf(someUses, sampleTurn("user", resultA, resultB), sampleTurn("user", resultA)), errStrayResult, "messages[2]"},
		{sampleOf(sampleTurn("user", resultA)), errStrayResult, "messages[0]"},
		{sampleOf(sampleTurn("user", `{"type":"tool_result","content":[]}`)), errStrayResult, ""},
		{sampleOf(sampleTurn("user", use)), errUseRole, ""},
		{sampleOf(someUses, sampleTurn("assistant", resultA, resultB)), errResultRole, ""},
		{sampleOf(sampleTurn("assistant", use, use)), errSameUse, ""},
		{sampleOf(sampleTurn("assistant", `{"type":"tool_use","name":"n","input":{}}`)), errNoUseID, ""},
		{sampleOf(sampleTurn("assistant", `{"type":"tool_use","id":1}`)), nil, "tool_use: "},
		{sampleOf(someUses, sampleTurn("user", `{"type":"tool_result","toolUseId":[]}`)), nil, "tool_result: "},
		{`{"messages":[],"maxTokens":1,"toolChoice":{"mode":"sometimes\u001b"}}`, nil, `toolChoice.mode: unknown mode "sometimes\x1b"`},
		{`{"messages":[],"maxTokens":1,"tools":[{"description":"d"}]}`, wire.ErrNoName, "tools[0]"},
		{`{"messages":{},"maxTokens":1}`, nil, "messages: expected array"},
		{`{"messages":[1],"maxTokens":1}`, nil, "messages[0]: expected object"},
		{`{"messages":[],"maxTokens":"1"}`, nil, "maxTokens: expected number"},
		{`{"messages":[],"maxTokens":1,"stopSequences":[null]}`, nil, "stopSequences[0]: expected string"},
		{`[]`, nil, "object"},
		{`null`, nil, "object"},
		{``, nil, "got the end of the text"},
		{sampleOf(aMessage) + "x", nil, "end of the text"},
		{`{"messages":[],"maxTokens":1`, nil, "got the end of the text"},
	} {
		got, err := decodeSample(json.RawMessage(tt.text))
		require.Error(t, err, tt.text)
		require.Nil(t, got, tt.text)
		require.ErrorContains(t, err, tt.says, tt.text)
		if tt.want != nil {
			require.ErrorIs(t, err, tt.want, tt.text)
		}
	}
}

func TestSampleMessagesAreBounded(t *testing.T) {
	many := strings.Repeat(aMessage+",", wire.MaxSampleMessages-1) + aMessage
	got, err := decodeSample(json.RawMessage(sampleOf(many)))
	require.NoError(t, err)
	require.Len(t, got.Messages, wire.MaxSampleMessages)

	_, err = decodeSample(json.RawMessage(sampleOf(many, aMessage)))
	var limit *LimitError
	require.ErrorAs(t, err, &limit)
	require.EqualValues(t, wire.MaxSampleMessages, limit.Limit)
}

// withTools returns a request with a tool and the given tool mode.
func withTools(t *testing.T, mode string) *SampleRequest {
	t.Helper()
	req, err := decodeSample(json.RawMessage(`{"messages":[],"maxTokens":1,"tools":[{"name":"n"}],"toolChoice":{"mode":"` + mode + `"}}`))
	require.NoError(t, err)
	return req
}

func modelMessage(content any) *mcp.CreateMessageResult {
	return &mcp.CreateMessageResult{SamplingMessage: mcp.SamplingMessage{Content: content}, Model: "m"}
}

var aUse = mcp.ToolUseContent{ID: "1", Name: "n", Input: json.RawMessage(`{"id": 9007199254740993, "html": "<b>"}`)}

func TestSampleResult(t *testing.T) {
	text := mcp.TextContent{Text: "a <b> & é"}
	const textJSON = `{"type":"text","text":"a <b> & é"}`
	const useJSON = `{"type":"tool_use","id":"1","name":"n","input":{"id":9007199254740993,"html":"<b>"}}`
	const hologram = `{"type":"hologram","n":9007199254740993}`
	big := map[string]any{"id": int64(9007199254740993), "html": "<b>"}
	var absent map[string]any
	for name, tt := range map[string]struct {
		content any
		want    string
	}{
		"value":            {text, textJSON},
		"pointer":          {&text, textJSON},
		"list of one":      {[]mcp.Content{text}, "[" + textJSON + "]"},
		"list of pointers": {[]mcp.Content{&aUse, &text}, "[" + useJSON + "," + textJSON + "]"},
		"list of a type":   {[]mcp.TextContent{mcp.NewTextContent("x")}, `[{"type":"text","text":"x"}]`},
		"raw":              {json.RawMessage(useJSON), useJSON},
		"map":              {map[string]any{"type": "text", "text": "x"}, `{"text":"x","type":"text"}`},
		"image":            {mcp.ImageContent{Data: "AQID", MIMEType: "image/png"}, `{"type":"image","data":"AQID","mimeType":"image/png"}`},
		"audio":            {&mcp.AudioContent{Data: "AQID", MIMEType: "audio/wav"}, `{"type":"audio","data":"AQID","mimeType":"audio/wav"}`},
		"unknown type":     {UnknownContent{Raw: json.RawMessage(hologram)}, hologram},
		"annotated": {
			mcp.TextContent{
				Annotated: mcp.Annotated{Annotations: &mcp.Annotations{Audience: []mcp.Role{mcp.RoleUser}, Priority: pointer(0.5)}},
				Meta:      &mcp.Meta{AdditionalFields: map[string]any{"n": json.RawMessage("9007199254740993")}}, Text: "x",
			},
			`{"annotations":{"audience":["user"],"priority":0.5},"_meta":{"n":9007199254740993},"type":"text","text":"x"}`,
		},
		"tool use":               {aUse, useJSON},
		"tool use without input": {mcp.ToolUseContent{ID: "1", Name: "n"}, `{"type":"tool_use","id":"1","name":"n","input":{}}`},
		"tool use, nil map":      {mcp.ToolUseContent{ID: "1", Name: "n", Input: absent}, `{"type":"tool_use","id":"1","name":"n","input":{}}`},
		"tool use, empty raw":    {mcp.ToolUseContent{ID: "1", Name: "n", Input: json.RawMessage{}}, `{"type":"tool_use","id":"1","name":"n","input":{}}`},
		"tool use of a map":      {mcp.ToolUseContent{ID: "1", Name: "n", Input: big}, `{"type":"tool_use","id":"1","name":"n","input":{"html":"<b>","id":9007199254740993}}`},
	} {
		got, err := withTools(t, "auto").encodeResult(modelMessage(tt.content), mcp.ProtocolVersion20251125)
		require.NoError(t, err, name)
		require.Equal(t, `{"role":"assistant","content":`+tt.want+`,"model":"m"}`, string(got), name)
	}
}

// The encoded result has all members and no resultType. Encoding does not change the handler's
// value.
func TestSampleResultMembers(t *testing.T) {
	meta := &mcp.Meta{AdditionalFields: map[string]any{"k": json.RawMessage(`{"n":9007199254740993}`)}}
	res := &mcp.CreateMessageResult{
		Result:          mcp.Result{Meta: meta, ResultType: "complete"},
		SamplingMessage: mcp.SamplingMessage{Content: []mcp.Content{mcp.TextContent{Text: "x"}}},
		Model:           "<m>", StopReason: "toolUse & more",
	}
	got, err := withTools(t, "auto").encodeResult(res, mcp.ProtocolVersion20260728)
	require.NoError(t, err)
	require.Equal(t, `{"_meta":{"k":{"n":9007199254740993}},"role":"assistant","content":[{"type":"text","text":"x"}],`+
		`"model":"<m>","stopReason":"toolUse & more"}`, string(got))
	require.Empty(t, res.Role)
	require.Equal(t, []mcp.Content{mcp.TextContent{Text: "x"}}, res.Content)

	res.Role = mcp.RoleUser
	got, err = withTools(t, "auto").encodeResult(res, mcp.ProtocolVersion20260728)
	require.NoError(t, err)
	require.Contains(t, string(got), `"role":"user"`)
}

func TestSampleResultBeforeLists(t *testing.T) {
	text := mcp.NewTextContent("x")
	for _, version := range []string{mcp.ProtocolVersion20250326, mcp.ProtocolVersion20250618} {
		for _, content := range []any{text, []mcp.Content{text}} {
			got, err := withTools(t, "auto").encodeResult(modelMessage(content), version)
			require.NoError(t, err)
			require.Equal(t, `{"role":"assistant","content":{"type":"text","text":"x"},"model":"m"}`, string(got))
		}
		_, err := withTools(t, "auto").encodeResult(modelMessage([]mcp.Content{text, text}), version)
		require.ErrorIs(t, err, errManyBlocks)
	}
}

func TestSampleResultsThatAreRefused(t *testing.T) {
	text, plain := mcp.NewTextContent("x"), &SampleRequest{}
	auto, none, required := withTools(t, "auto"), withTools(t, "none"), withTools(t, "required")
	for name, tt := range map[string]struct {
		req  *SampleRequest
		res  *mcp.CreateMessageResult
		want error
	}{
		"nil":      {auto, nil, errNoMessage},
		"no model": {auto, &mcp.CreateMessageResult{SamplingMessage: mcp.SamplingMessage{Content: text}}, errNoModel},
		"another role": {
			auto, &mcp.CreateMessageResult{SamplingMessage: mcp.SamplingMessage{Role: "system", Content: text}, Model: "m"}, wire.ErrRole,
		},
		"no content":                     {auto, modelMessage(nil), wire.ErrNoContent},
		"empty content":                  {auto, modelMessage([]mcp.Content{}), wire.ErrNoContent},
		"nil list":                       {auto, modelMessage([]mcp.Content(nil)), wire.ErrNoContent},
		"nil in a list":                  {auto, modelMessage([]mcp.Content{nil}), nil},
		"nil pointer":                    {auto, modelMessage((*mcp.TextContent)(nil)), nil},
		"a string":                       {auto, modelMessage("x"), nil},
		"content that does not encode":   {auto, modelMessage(make(chan int)), nil},
		"bad raw JSON":                   {auto, modelMessage(json.RawMessage(`{`)), nil},
		"no type":                        {auto, modelMessage(map[string]any{"text": "x"}), wire.ErrNoType},
		"empty type":                     {auto, modelMessage(map[string]any{"type": ""}), wire.ErrNoType},
		"bad base64":                     {auto, modelMessage(mcp.ImageContent{Data: "%"}), wire.ErrBase64},
		"unknown without bytes":          {auto, modelMessage(UnknownContent{Type: "x"}), nil},
		"a resource":                     {auto, modelMessage(mcp.NewEmbeddedResource(mcp.TextResourceContents{URI: "a:b", Text: "x"})), nil},
		"a link":                         {auto, modelMessage(mcp.NewResourceLink("a:b", "n", "", "")), nil},
		"a tool result":                  {auto, modelMessage(mcp.ToolResultContent{Type: "tool_result", ToolUseID: "1"}), nil},
		"tool use without tools":         {plain, modelMessage(aUse), errUseNotAsked},
		"tool use forbidden":             {none, modelMessage([]mcp.Content{text, aUse}), errUseForbidden},
		"tool use missing":               {required, modelMessage(text), errUseRequired},
		"tool use, not unique":           {auto, modelMessage([]mcp.Content{aUse, aUse}), errSameUse},
		"tool use without id":            {auto, modelMessage(mcp.ToolUseContent{Name: "n"}), errNoUseID},
		"tool use without name":          {auto, modelMessage(mcp.ToolUseContent{ID: "1"}), wire.ErrNoName},
		"tool use with a list":           {auto, modelMessage(mcp.ToolUseContent{ID: "1", Name: "n", Input: []int{1}}), errUseInput},
		"tool use with an invalid input": {auto, modelMessage(mcp.ToolUseContent{ID: "1", Name: "n", Input: func() {}}), nil},
		"tool use of the user": {
			auto, &mcp.CreateMessageResult{SamplingMessage: mcp.SamplingMessage{Role: mcp.RoleUser, Content: aUse}, Model: "m"}, errUserUse,
		},
	} {
		got, err := tt.req.encodeResult(tt.res, mcp.ProtocolVersion20251125)
		require.Error(t, err, name)
		require.Nil(t, got, name)
		if tt.want != nil {
			require.ErrorIs(t, err, tt.want, name)
		}
	}
	_, err := required.encodeResult(modelMessage(aUse), mcp.ProtocolVersion20251125)
	require.NoError(t, err)
	_, err = none.encodeResult(modelMessage(text), mcp.ProtocolVersion20251125)
	require.NoError(t, err)
}

// FuzzSample checks that encoding an accepted request and decoding it again yields an equal
// request. It also checks that a content block of the model's messages can be sent back.
func FuzzSample(f *testing.F) {
	f.Add([]byte(fullSample))
	f.Add([]byte(sampleOf(aMessage, someUses, sampleTurn("user", resultA, resultB))))
	f.Add([]byte(`{"messages":[{"role":"user","content":"\ud800"}],"maxTokens":1e300,"tools":[],"toolChoice":{}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		req, err := decodeSample(data)
		if err != nil {
			return
		}
		if !json.Valid(data) {
			t.Fatal("accepted a request that is not JSON")
		}
		again, err := decodeSample(marshal(t, req.CreateMessageParams))
		if err != nil {
			t.Fatalf("the encoded request is refused: %v", err)
		}
		if a, b := marshal(t, req.CreateMessageParams), marshal(t, again.CreateMessageParams); !bytes.Equal(a, b) {
			t.Fatalf("%s\nbecame %s", a, b)
		}
		req.ToolChoice, req.Tools = nil, []mcp.Tool{{Name: "n"}}
		for _, m := range req.Messages {
			blocks, isList := m.Content.([]mcp.Content)
			if !isList {
				blocks = []mcp.Content{m.Content.(mcp.Content)}
			}
			for _, block := range blocks {
				sendBack(t, req, block)
			}
		}
	})
}

// sendBack encodes a result with the block as the model's message, unless the block must be
// refused.
func sendBack(t *testing.T, req *SampleRequest, block mcp.Content) {
	switch b := block.(type) {
	case UnknownContent:
		if b.Err != nil || b.Type == "" {
			return
		}
	case mcp.ToolUseContent:
		input, _ := b.Input.(json.RawMessage)
		if b.Name == "" || len(input) > 0 && input[0] != '{' {
			return
		}
	case mcp.TextContent, mcp.ImageContent, mcp.AudioContent:
	default:
		return
	}
	for _, version := range []string{mcp.ProtocolVersion20250618, mcp.ProtocolVersion20260728} {
		got, err := req.encodeResult(modelMessage([]mcp.Content{block}), version)
		if err != nil || !json.Valid(got) {
			t.Fatalf("%s: %v, %s", fmt.Sprint(block), err, got)
		}
	}
}
