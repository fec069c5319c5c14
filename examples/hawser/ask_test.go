package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/mcptest"
)

const teaForm = `{"type": "object", "required": ["name", "cups"], "properties": {
	"name": {"type": "string", "title": "Your name", "description": "For the\ninvitation", "minLength": 2},
	"cups": {"type": "integer", "minimum": 1, "maximum": 9, "default": 2},
	"tea": {"type": "string", "oneOf": [{"const": "g", "title": "Green tea"}, {"const": "b", "title": "Black tea"}], "default": "b"},
	"extras": {"type": "array", "items": {"type": "string", "enum": ["milk", "sugar", "lemon"]}},
	"warm": {"type": "boolean", "default": true},
	"note": {"type": "string"}
}}`

// formParams returns the parameters of an elicitation request with a form.
func formParams(message, schema string) map[string]any {
	return map[string]any{"message": message, "requestedSchema": json.RawMessage(schema)}
}

// asks returns a tool that sends the requests one by one, as the server's era prescribes. The
// tool's result is the answers.
func asks(method string, questions ...map[string]any) mcptest.ToolFunc {
	return func(ctx context.Context, c *mcptest.Call) (json.RawMessage, error) {
		var answers []string
		for i, q := range questions {
			answer, pending, err := c.RequestInput(ctx, "question "+strconv.Itoa(i), method, q)
			var refused *mcptest.Error
			switch {
			case errors.As(err, &refused):
				answers = append(answers, refused.Error())
			case err != nil || pending != nil:
				return pending, err
			default:
				answers = append(answers, string(answer))
			}
		}
		return mcptest.Text(strings.Join(answers, "\n")), nil
	}
}

// answers calls the tool on a server of each era. Stdin is the typed text. The user must see the
// same output for both eras.
func answers(t *testing.T, tool mcptest.ToolFunc, typed string, args ...string) result {
	t.Helper()
	old, modern := legacy("ask", tool), mcptest.New(mcptest.Modern)
	modern.Tools = old.Tools
	r, same := answersOf(t, old, typed, args...), answersOf(t, modern, typed, args...)
	require.Equal(t, exitOK, r.code, r.err)
	require.Equal(t, r, same)
	return r
}

// answersOf calls the tool on one server.
func answersOf(t *testing.T, srv *mcptest.Server, typed string, args ...string) result {
	t.Helper()
	url := srv.Loopback(t).URL
	r := machine{stdin: typed, person: true}.hawser(t, append([]string{"call", url, "ask"}, args...)...)
	r.err = strings.ReplaceAll(r.err, strings.TrimPrefix(strings.TrimSuffix(url, "/mcp"), "http://"), "HOST")
	return r
}

func elicits(questions ...map[string]any) mcptest.ToolFunc {
	return asks("elicitation/create", questions...)
}

func TestFormIsFilledIn(t *testing.T) {
	r := answers(t, elicits(formParams("Tea at \x1b[31mfive\nSend this? [Y]es", teaForm)), lines(
		"", "A", "Ann", // required, too short, valid
		"ten", "10", "", // not a number, out of bounds, the default
		"1",           // by number
		"lemon, milk", // by name
		"n", "",       // the last one is skipped
		"", // send
	)+"\n")
	require.JSONEq(t, `{"action":"accept","content":{"name":"Ann","cups":2,"tea":"g","extras":["lemon","milk"],"warm":false}}`, r.out)
	for _, want := range []string{
		"(HOST) asks you to fill in a form:\n  | Tea at five\n  | Send this? [Y]es\n",
		"\n1/6 Your name: text, at least 2 characters, required\n    For the invitation\n> ",
		"    invalid: an answer is required\n> ",
		"\n2/6 cups: a whole number, from 1, up to 9, required\n[2] > ",
		"\n3/6 tea: one of these, by number or name, optional\n    1) Green tea\n    2) Black tea\n[Black tea] > ",
		"    1) milk\n    2) sugar\n    3) lemon\n> ",
		"\n5/6 warm: yes or no, optional\n[yes] > ",
		"\nYour answers:\n  Your name: Ann\n  cups: 2\n  tea: Green tea\n  extras: lemon, milk\n  warm: no\n  note: (skipped)\nSend this? [Y]es, [e]dit, [d]ecline, [c]ancel: ",
	} {
		require.Contains(t, r.err, want)
	}
	require.Equal(t, 4, strings.Count(r.err, "    invalid: "), r.err)
	require.NotContains(t, r.err, "\x1b")
}

func TestFormIsEdited(t *testing.T) {
	r := answers(t, elicits(formParams("Tea", teaForm)), lines(
		"Ann", "3", "", "1,3", "", "!!important", "e",
		"Bob", "", "1", "!skip", "", "", "x", "y",
	)+"\n")
	require.JSONEq(t, `{"action":"accept","content":{"name":"Bob","cups":3,"tea":"g","warm":true,"note":"!important"}}`, r.out)
	require.Contains(t, r.err, "[Ann] > ")
	require.Contains(t, r.err, "[milk, lemon] > ")
	require.Contains(t, r.err, "answer yes, edit, decline, cancel or a first letter")
}

func TestFormIsNotFilledIn(t *testing.T) {
	const decline, cancel = `{"action":"decline"}`, `{"action":"cancel"}`
	const all = "Ann\n\n\n\n\n\n"
	for typed, want := range map[string]string{
		"!decline\n":            decline,
		"Ann\n!cancel\n":        cancel,
		all + "d\n":             decline,
		all + "cancel\n":        cancel,
		all + "!decline\n":      decline,
		"":                      cancel, // end of input
		"Ann\n":                 cancel,
		"Ann\n!help\n!cancel\n": cancel,
	} {
		require.JSONEq(t, want, answers(t, elicits(formParams("Tea", teaForm)), typed).out, typed)
	}
	require.JSONEq(t, `{"action":"accept","content":{}}`, answers(t, elicits(formParams("Just yes?", `{"type":"object","properties":{}}`)), "\n").out)
}

func TestFormsWithoutATerminal(t *testing.T) {
	tool := elicits(formParams("One", teaForm), formParams("Two", `{"type":"object","properties":{"cups":{"type":"integer","default":2}}}`))
	url := legacy("ask", tool).Loopback(t).URL
	r := succeeds(t, "call", url, "ask")
	require.Equal(t, "{\"action\":\"decline\"}\n{\"action\":\"decline\"}\n", r.out)
	require.Equal(t, "note: the server requested a form; declined without a terminal (see --elicit)\n", r.err)
	r = succeeds(t, "call", url, "ask", "--elicit", "decline")
	require.Equal(t, result{0, "{\"action\":\"decline\"}\n{\"action\":\"decline\"}\n", ""}, r)
	r = succeeds(t, "call", url, "ask", "--elicit", "accept")
	require.Equal(t, "{\"action\":\"decline\"}\n{\"action\":\"accept\",\"content\":{\"cups\":2}}\n", r.out)
	require.Regexp(t, `^note: declined a form of .*: name is required and has no default \(use --elicit ask, which also reads piped stdin\)\nnote: accepted a form of .* with its defaults: Two\n$`, r.err)
	r = machine{stdin: "!decline\n7\ny\n"}.hawser(t, "call", url, "ask", "--elicit", "ask")
	require.Equal(t, "{\"action\":\"decline\"}\n{\"action\":\"accept\",\"content\":{\"cups\":7}}\n", r.out)
}

func TestURLIsVisited(t *testing.T) {
	visit := map[string]any{"mode": "url", "message": "Log in\x1b]0;x\a please", "url": "https://login.example.com/a?b=c", "elicitationId": "1"}
	for typed, action := range map[string]string{"y\n": "accept", "d\n": "decline", "c\n": "cancel", "": "cancel", "\nmaybe\nyes\n": "accept", "!decline\n": "decline"} {
		r := answers(t, elicits(visit), typed)
		require.JSONEq(t, `{"action":"`+action+`"}`, r.out, typed)
		require.Contains(t, r.err, "asks you to visit a URL:\n  | Log in please\n  host:    login.example.com\n  URL:     https://login.example.com/a?b=c\n")
		require.Equal(t, action == "accept", strings.Contains(r.err, "Open it in your browser now: https://login.example.com/a?b=c\n"))
	}
	r := answers(t, elicits(visit), "", "--elicit", "accept")
	require.JSONEq(t, `{"action":"decline"}`, r.out, "only a user consents")
	require.Contains(t, r.err, "https://login.example.com/a?b=c; declined, since only a user can consent\n")
}

func TestHostIsEmphasised(t *testing.T) {
	visit := map[string]any{"mode": "url", "message": "Log in", "url": "https://login.example.com/", "elicitationId": "1"}
	url := legacy("ask", elicits(visit)).Loopback(t).URL
	r := machine{stdin: "y\n", person: true, watched: true}.hawser(t, "call", url, "ask")
	require.Contains(t, r.err, "host:    \x1b[1mlogin.example.com\x1b[0m\n")
	r = machine{stdin: "y\n", person: true, watched: true, vars: map[string]string{"NO_COLOR": "1"}}.hawser(t, "call", url, "ask")
	require.Contains(t, r.err, "host:    login.example.com\n")
}

// Concurrent requests are shown one after the other.
func TestQuestionsWaitForEachOther(t *testing.T) {
	const schema = `{"type":"object","properties":{"word":{"type":"string"}}}`
	tool := func(_ context.Context, c *mcptest.Call) (json.RawMessage, error) {
		_, one := c.Begin("elicitation/create", formParams("Which word?", schema))
		_, other := c.Begin("elicitation/create", formParams("Which word?", schema))
		c.Log("warning", "while you type")
		return mcptest.Text(string((<-one).Result) + string((<-other).Result)), nil
	}
	r := answersOf(t, legacy("ask", tool), "first\n\nsecond\n\n")
	require.Equal(t, 1, strings.Count(r.out, "first"))
	require.Equal(t, 1, strings.Count(r.out, "second"))
	const part = "asks you to fill in a form:\n  | Which word?\nPress Enter to keep the value in [brackets], or to skip a field without one. !skip skips it too.\n" +
		"!decline declines the form, !cancel cancels it.\n\n" +
		"1/1 word: text, optional\n> \nYour answers:\n  word: WORD\nSend this? [Y]es, [e]dit, [d]ecline, [c]ancel: "
	for _, word := range []string{"first", "second"} {
		require.Contains(t, r.err, strings.Replace(part, "WORD", word, 1), "nothing is printed between")
	}
	require.Contains(t, r.err, "[warning] ask: while you type\n")
}

func TestSampling(t *testing.T) {
	question := map[string]any{
		"messages":     []any{map[string]any{"role": "user", "content": map[string]any{"type": "text", "text": "Which\x1b[2J tea?"}}},
		"systemPrompt": "Be brief.", "maxTokens": 50,
	}
	tool := asks("sampling/createMessage", question)
	r := answers(t, tool, "Green,\nof course\n\n")
	require.JSONEq(t, `{"role":"assistant","content":{"type":"text","text":"Green,\nof course"},"model":"hawser-person","stopReason":"endTurn"}`, r.out)
	require.Contains(t, r.err, "requests a message from a model. You can play the model:\n  system:\n  | Be brief.\n  user:\n  | Which tea?\nType the reply (at most 50 tokens)")
	require.Contains(t, answers(t, tool, "Green").out, `"text":"Green"`, "the end of the input ends a reply")
	require.Contains(t, answers(t, tool, "", "--sample-reply", "Black").out, `"text":"Black"`)
}

func TestSamplingIsRejected(t *testing.T) {
	tool := asks("sampling/createMessage", map[string]any{"messages": []any{}, "maxTokens": 50})
	modern := mcptest.New(mcptest.Modern)
	modern.Tools = []*mcptest.Tool{{Name: "ask", Run: tool}}
	for _, typed := range []string{"", "\n", "!decline\n", "Green\n!cancel\n"} {
		require.Contains(t, answersOf(t, legacy("ask", tool), typed).out, "-1 User rejected the request")
		r := answersOf(t, modern, typed)
		require.Equal(t, exitRefused, r.code)
		require.Contains(t, r.err, "rejected by the user\nhint: the server needs input; see --elicit, --sample and --root\n")
	}
	require.Contains(t, answersOf(t, legacy("ask", tool), "", "--sample", "decline").out, "-1 ")
	alone := succeeds(t, "call", legacy("ask", tool).Loopback(t).URL, "ask")
	require.Contains(t, alone.out, "-1 ")
	require.Equal(t, "note: the server requested a message from a model; declined without a terminal (see --sample or --sample-reply)\n", alone.err)
}

func TestRoots(t *testing.T) {
	dir := t.TempDir()
	r := answers(t, asks("roots/list", nil), "", "--root", dir)
	require.Contains(t, r.out, "file://"+dir)
	require.JSONEq(t, `{"roots":[]}`, answers(t, asks("roots/list", nil), "").out, "without --root there are none")
	bad := hawser(t, "call", "http://127.0.0.1:1/mcp", "x", "--root", dir+"/none")
	require.Equal(t, exitUsage, bad.code)
	require.Contains(t, bad.err, "hint: --root takes a directory or file on this machine")
}

func TestLineForAnEndedQuestionIsDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in, typist := io.Pipe()
		lines := newLineReader(in)
		gone, end := context.WithCancelCause(t.Context())
		end(errors.New("cancelled"))
		_, err := lines.read(gone)
		require.EqualError(t, err, "cancelled")
		io.WriteString(typist, "yes\n") // for the question that has ended
		synctest.Wait()
		go io.WriteString(typist, "no\n")
		line, err := lines.read(t.Context())
		require.NoError(t, err)
		require.Equal(t, "no", line)
		_, err = lines.read(gone)
		require.Error(t, err)
		go func() {
			synctest.Wait() // wait for the next question: an earlier line would belong to the previous question
			io.WriteString(typist, "for the one who asks next\n")
		}()
		line, err = lines.read(t.Context())
		require.NoError(t, err)
		require.Equal(t, "for the one who asks next", line)
		typist.Close()
		_, err = lines.read(t.Context())
		require.Equal(t, io.EOF, err)
		lines.close()
	})
}
