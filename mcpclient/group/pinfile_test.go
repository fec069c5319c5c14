package group

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/sharedfile"
	"github.com/hawser-mcp/hawser/mcpclient/toolspec"
)

// saved returns pins in a file with the tools a and b of server s, and the path of the file.
func saved(t *testing.T) (p *Pins, file string) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "new", "pins.json")
	p = opened(t, file, Trust)
	judged(t, p, "s", tool("a", "1"), tool("b", "1"))
	require.NoError(t, p.Save())
	return p, file
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	return string(text)
}

// accept accepts a description of a tool that was pinned with another.
func accept(t *testing.T, p *Pins, name, description string) {
	t.Helper()
	judged(t, p, "s", tool(name, description))
	require.NoError(t, p.Accept(change(t, p, "s", name)))
}

// description returns the accepted description of a tool, or "" if the file does not have the tool.
func description(p *Pins, name string) string {
	functions := p.functions("s")
	i := slices.IndexFunc(functions, func(f toolspec.Function) bool { return f.Tool == name })
	if i < 0 {
		return ""
	}
	return functions[i].Description
}

// The file has what a user should see and a lazy group needs. The order of a list does not matter.
func TestTheFile(t *testing.T) {
	const a = `{"name":"a","title":"T","description":"<é>","inputSchema":{"type":"object","minimum":1.0},"outputSchema":{"type":"object"},` +
		`"annotations":{"readOnlyHint":true},"icons":[{"src":"data:,x"}],"_meta":{"m":1}}`
	var texts []string
	for _, list := range [][]string{{a, tool("b", "")}, {tool("b", ""), a}} {
		file := filepath.Join(t.TempDir(), "pins.json")
		p := opened(t, file, Trust)
		judged(t, p, "s", list...)
		judged(t, p, "empty")
		require.NoError(t, p.Save())
		texts = append(texts, read(t, file))
		info, err := os.Stat(file)
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	}
	require.Equal(t, texts[0], texts[1])
	const entry = `\{"fingerprint":"[0-9a-f]{64}","sum":"[0-9a-f]{64}","definition":`
	require.Regexp(t, `^\{"version":1,"servers":\{
 "empty":\{\},
 "s":\{
  "a":`+entry+`\{"name":"a","title":"T","description":"<é>","parameters":\{"type":"object","minimum":1\.0\},"output":\{"type":"object"\},"annotations":\{"readOnlyHint":true\}\}\},
  "b":`+entry+`\{"name":"b","parameters":\{"type":"object"\}\}\}\}\}\}
$`, texts[0])
}

func TestSaveWritesOnlyWhatChanged(t *testing.T) {
	p, file := saved(t)
	before, err := os.Stat(file)
	require.NoError(t, err)
	unchanged := func() bool {
		after, err := os.Stat(file)
		require.NoError(t, err)
		return os.SameFile(before, after) // a file that is replaced is another one
	}
	judged(t, p, "s", tool("a", "1"), tool("b", "2"))
	require.NoError(t, p.Save())
	require.True(t, unchanged(), "what is held back is not saved")
	q := opened(t, filepath.Join(t.TempDir(), "other.json"), Trust)
	judged(t, q, "s", tool("a", "1"), tool("b", "1"))
	q.file = file
	require.NoError(t, q.Save())
	require.True(t, unchanged(), "another process has saved the same")
	require.NoError(t, p.Accept(change(t, p, "s", "b")))
	require.NoError(t, p.Save())
	require.False(t, unchanged())
}

// A damaged file is never used and never overwritten.
func TestDamagedFile(t *testing.T) {
	change := func(before, after string) func(string) string {
		return func(good string) string {
			require.Contains(t, good, before)
			return strings.Replace(good, before, after, 1)
		}
	}
	for story, test := range map[string]struct {
		damage func(good string) string
		says   string
	}{
		"empty":               {func(string) string { return "" }, "invalid JSON"},
		"cut":                 {func(good string) string { return good[:len(good)/2] }, "invalid JSON"},
		"doubled":             {func(good string) string { return good + good }, "invalid JSON"},
		"null":                {func(string) string { return "null" }, "version 0, expected 1"},
		"a later version's":   {change(`"version":1,`, `"version":2,"more":{},`), "version 2, expected 1"},
		"another program's":   {func(string) string { return `{"mcpServers":{}}` }, "version 0, expected 1"},
		"unknown member":      {change(`"version":1,`, `"version":1,"more":{},`), `unknown field "more"`},
		"in a definition":     {change(`"description":"1"`, `"_meta":{}`), `tool "a" of server "s": json: unknown field "_meta"`},
		"changed description": {change(`"description":"1"`, `"description":"2"`), `tool "a" of server "s": its definition and fingerprint do not match its sum`},
		"changed fingerprint": {change(`"fingerprint":"`, `"fingerprint":"0`), "do not match its sum"},
		"changed schema":      {change(`{"type":"object"}`, `{"type":"array"}`), "do not match its sum"},
		"no definition":       {func(string) string { return `{"version":1,"servers":{"s":{"a":{"fingerprint":"","sum":""}}}}` }, `tool "a" of server "s"`},
		"another tool's":      {change(`"a":`, `"c":`), "do not match its sum"},
		"another server's":    {change(`"s":`, `"t":`), "do not match its sum"},
	} {
		t.Run(story, func(t *testing.T) {
			p, file := saved(t)
			accept(t, p, "a", "new")
			good := read(t, file)
			bad := test.damage(good)
			require.NoError(t, os.WriteFile(file, []byte(bad), 0o600))

			_, opening := OpenPins(file, Trust)
			for _, err := range []error{opening, p.Save()} {
				require.ErrorIs(t, err, ErrPinsDamaged)
				require.ErrorContains(t, err, file)
				require.ErrorContains(t, err, test.says)
				require.ErrorContains(t, err, "move it away to start over")
			}
			require.Equal(t, bad, read(t, file))

			require.NoError(t, os.WriteFile(file, []byte(good), 0o600))
			require.NoError(t, p.Save(), "a failed Save forgets nothing")
			require.Equal(t, "new", description(opened(t, file, Trust), "a"))
		})
	}
}

// People and tools may format the file.
func TestFormattedFile(t *testing.T) {
	_, file := saved(t)
	var decoded any
	require.NoError(t, json.Unmarshal([]byte(read(t, file)), &decoded))
	text, err := json.MarshalIndent(decoded, "", "    ") // sorts the members, too
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(file, text, 0o600))
	p := opened(t, file, Trust)
	require.Equal(t, "1", description(p, "a"))
	accept(t, p, "a", "2")
	require.NoError(t, p.Save())
}

func TestFileThatIsTooLarge(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pins.json")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	require.NoError(t, os.Truncate(file, maxPinFile+1))
	var limit *LimitError
	_, err := OpenPins(file, Trust)
	require.ErrorAs(t, err, &limit)
	require.Equal(t, LimitError{What: "bytes", Limit: maxPinFile}, *limit)
	require.EqualError(t, limit, "pins exceed 67108864 bytes")

	var b strings.Builder
	for i := range maxPinServers + 1 {
		fmt.Fprintf(&b, `,"%d":{}`, i)
	}
	require.NoError(t, os.WriteFile(file, []byte(`{"version":1,"servers":{`+b.String()[1:]+`}}`), 0o600))
	_, err = OpenPins(file, Trust)
	require.ErrorAs(t, err, &limit)
	require.Equal(t, "servers", limit.What)
}

func TestWhatIsNotAFile(t *testing.T) {
	dir := t.TempDir()
	_, err := OpenPins(dir, Trust)
	require.ErrorIs(t, err, ErrPinsDamaged)
	require.ErrorContains(t, err, "not a regular file")
	link := filepath.Join(dir, "pins.json")
	require.NoError(t, os.Symlink(filepath.Join(dir, "elsewhere"), link))
	_, err = OpenPins(link, Trust)
	require.ErrorContains(t, err, "not a regular file")
	require.NoFileExists(t, filepath.Join(dir, "elsewhere"))

	require.NoError(t, os.WriteFile(filepath.Join(dir, "file"), nil, 0o600))
	p, err := OpenPins(filepath.Join(dir, "file", "pins.json"), Trust)
	require.Error(t, err)
	require.Nil(t, p)
}

// The file stays where it was if the program changes its working directory.
func TestRelativePath(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	p := opened(t, "pins.json", Trust)
	judged(t, p, "s", tool("a", "1"))
	t.Chdir(t.TempDir())
	require.NoError(t, p.Save())
	require.FileExists(t, filepath.Join(dir, "pins.json"))
}

// Two processes with one file lose nothing of each other.
func TestTwoProcessesSave(t *testing.T) {
	p, file := saved(t)
	q := opened(t, file, Trust)
	accept(t, p, "a", "2")
	accept(t, q, "b", "2")
	judged(t, q, "other", tool("x", ""))
	require.NoError(t, p.Save())
	var told []string
	defer q.watch(func(server string) { told = append(told, server) })()
	require.NoError(t, q.Save())
	require.Equal(t, []string{"s"}, told, "what p accepted is accepted in q as well")
	for _, pins := range []*Pins{q, opened(t, file, Trust)} {
		require.Equal(t, "2", description(pins, "a"))
		require.Equal(t, "2", description(pins, "b"))
		require.True(t, pins.accepted.knows("other"))
	}
	require.Equal(t, "1", description(p, "b"), "p has saved before q")
	require.NoError(t, p.Save(), "and has nothing to save")
}

// What the user accepted wins over what is in the file. What was new to one process alone does not.
func TestTwoProcessesDiffer(t *testing.T) {
	p, file := saved(t)
	q := opened(t, file, Trust)
	judged(t, p, "s", tool("new", "first"))
	judged(t, q, "s", tool("new", "second"))
	require.NoError(t, p.Save())
	require.NoError(t, q.Save())
	require.Equal(t, "first", description(opened(t, file, Trust), "new"))
	_, held := judged(t, q, "s", tool("new", "second"))
	require.Equal(t, []string{"s__new"}, held)
	require.NoError(t, q.Accept(change(t, q, "s", "new")))
	accept(t, p, "new", "third")
	require.NoError(t, p.Save())
	require.NoError(t, q.Save())
	require.Equal(t, "second", description(opened(t, file, Trust), "new"), "the last to save")
}

// Two first lists of one server are two lists: under Hold, only the first to be saved is accepted whole.
func TestTwoProcessesHoldNewTools(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pins.json")
	p, q := opened(t, file, Hold), opened(t, file, Hold)
	judged(t, p, "s", tool("a", "1"))
	judged(t, q, "s", tool("a", "1"), tool("b", "1"))
	require.NoError(t, p.Save())
	require.NoError(t, q.Save())
	_, held := judged(t, q, "s", tool("a", "1"), tool("b", "1"))
	require.Equal(t, []string{"s__b"}, held)
	require.Empty(t, description(opened(t, file, Hold), "b"))
}

func TestTheUserDeletesPins(t *testing.T) {
	p, file := saved(t)
	require.NoError(t, os.Remove(file))
	accept(t, p, "a", "2")
	require.NoError(t, p.Save())
	require.Equal(t, "1", description(opened(t, file, Trust), "b"), "a file that is gone is written whole")

	require.NoError(t, os.WriteFile(file, []byte(`{"version":1}`), 0o600))
	accept(t, p, "a", "3")
	require.NoError(t, p.Save())
	for _, pins := range []*Pins{p, opened(t, file, Trust)} {
		require.Equal(t, "3", description(pins, "a"))
		require.Empty(t, description(pins, "b"))
	}
}

// What is accepted while Save writes is not lost.
func TestAcceptedDuringSave(t *testing.T) {
	p, file := saved(t)
	accept(t, p, "a", "2")
	unlock, err := sharedfile.Lock(t.Context(), file+".lock") // Save waits for it
	require.NoError(t, err)
	done := make(chan error)
	go func() { done <- p.Save() }()
	accept(t, p, "b", "2")
	unlock()
	require.NoError(t, <-done)
	require.NoError(t, p.Save())
	q := opened(t, file, Trust)
	require.Equal(t, "2", description(q, "a"))
	require.Equal(t, "2", description(q, "b"))
}
