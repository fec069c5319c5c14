package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/tests/repo/git"
)

const source = `package p

type T struct{}

func (T) Do() {
}

func (*T) String() string { return "" }

func (T) MarshalJSON() ([]byte, error) { return nil, nil }

type hidden struct{}

func (hidden) Do() {}

type G[K any] struct{}

func (g *G[K]) Do() {}

const (
	A, b = 1, 2
	C    = 3
)

func New() {
	_ = 1
}

func private() {}
`

func TestCount(t *testing.T) {
	counts, err := count(map[string][]byte{
		"p/p.go":       []byte(source),
		"p/more.go":    []byte("package p\n"),
		"q/q.go":       []byte("package q\n\nvar V int\n"),
		"cmd/m/run.go": []byte("package main\n\nfunc Run() {}\n"),
	})
	require.NoError(t, err)
	require.Len(t, counts, 3)
	p := counts["p"]
	require.Equal(t, 2, p.files)
	require.Equal(t, 30, p.lines)
	require.Equal(t, 7, p.names) // T, T.Do, G, G.Do, A, C, New
	require.ElementsMatch(t, []int{2, 1, 1, 1, 1, 3, 1}, p.functions)
	require.Equal(t, "p/p.go", p.longestFile)
	require.Equal(t, 33, counts[total].lines)
	require.Equal(t, 8, counts[total].names)
}

func TestQuantile(t *testing.T) {
	lengths := []int{10, 1, 9, 2, 8, 3, 7, 4, 6, 5}
	require.Equal(t, 5, quantile(lengths, 50))
	require.Equal(t, 9, quantile(lengths, 90))
	require.Equal(t, 10, quantile(lengths, 100))
	require.Equal(t, 3, quantile([]int{3}, 50))
	require.Zero(t, quantile(nil, 50))
}

func TestIsLibrary(t *testing.T) {
	for name, want := range map[string]bool{
		"mcpclient/call.go": true, "mcpclient/call_test.go": false, "tests/repo/x.go": false,
		"examples/hawser/main.go": false, "mcpclient/README.md": false, "doc.go": true,
	} {
		require.Equal(t, want, isLibrary(name), name)
	}
}

func TestTable(t *testing.T) {
	before := map[string]figures{
		"p": {files: 2, lines: 20, names: 3, functions: []int{4}, longestLines: 15, longestFile: "p/a.go"},
		"q": {files: 1, lines: 5, longestLines: 5, longestFile: "q/q.go"},
	}
	before[total] = before["p"]
	after := map[string]figures{"p": {files: 1, lines: 20, names: 3, functions: []int{4}, longestLines: 20, longestFile: "p/b.go"}}
	after[total] = after["p"]
	require.Equal(t, `| package | files | lines | names | func median/p90/max | longest file      |
|---------|-------|-------|-------|---------------------|-------------------|
| p       | 2 → 1 | 20    | 3     | 4/4/4               | 15 a.go → 20 b.go |
| q       | 1 → - | 5 → - | 0 → - | 0/0/0 → -           | 5 q.go → -        |
| total   | 2 → 1 | 20    | 3     | 4/4/4               | 15 a.go → 20 b.go |
`, table([]map[string]figures{before, after}))
}

func TestFilesOf(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		path := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	}
	run := func(args ...string) {
		_, err := git.Run(dir, append([]string{"-c", "user.name=t", "-c", "user.email=t@example.com"}, args...)...)
		require.NoError(t, err)
	}
	run("init", "-q")
	write("p/p.go", "package p\n")
	write("p/gone.go", "package p\n")
	write("p/p_test.go", "package p\n")
	write(".gitignore", "ignored.go\n")
	run("add", ".")
	run("commit", "-q", "-m", "one")
	write("p/p.go", "package p // changed\n")
	write("p/new.go", "package p\n")
	write("p/ignored.go", "package p\n")
	require.NoError(t, os.Remove(filepath.Join(dir, "p", "gone.go")))

	files, err := filesOf(dir, "HEAD")
	require.NoError(t, err)
	require.Equal(t, map[string][]byte{"p/p.go": []byte("package p\n"), "p/gone.go": []byte("package p\n")}, files)
	files, err = filesOf(filepath.Join(dir, "p"), workingTree)
	require.NoError(t, err)
	require.Equal(t, map[string][]byte{"p/p.go": []byte("package p // changed\n"), "p/new.go": []byte("package p\n")}, files)
	_, err = filesOf(dir, "no-such-revision")
	require.ErrorContains(t, err, "no-such-revision")
}
