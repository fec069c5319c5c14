package mcpconfig_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/mcpclient/mcpconfig"
)

// brokenFiles returns the files in testdata/broken.txt by name, and their order.
func brokenFiles(t testing.TB) (names []string, files map[string]string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "broken.txt"))
	require.NoError(t, err)
	files = map[string]string{}
	for _, part := range strings.Split(strings.ReplaceAll(string(text), "\r\n", "\n"), "\n-- ")[1:] {
		name, content, ok := strings.Cut(part, " --\n")
		require.True(t, ok)
		names = append(names, name)
		files[name] = content
	}
	return names, files
}

// Each broken file gives the problems in the golden file, with the file, the line, the server, the
// key and what to do. Other entries load.
func TestProblemsSayWhatToDo(t *testing.T) {
	env := map[string]string{"EMPTY": "", "LINES": "secret\nsecret"}
	l := &mcpconfig.Loader{Env: func(name string) (string, bool) { v, ok := env[name]; return v, ok }}
	names, files := brokenFiles(t)
	var b strings.Builder
	for _, name := range names {
		cfg, err := l.Parse(t.Context(), name, []byte(files[name]))
		if err != nil {
			require.ErrorAs(t, err, new(*mcpconfig.FileError))
			b.WriteString("error: " + err.Error() + "\n")
			continue
		}
		b.WriteString(problems(cfg) + "servers:")
		for _, s := range cfg.Servers {
			b.WriteString(" " + s.Name)
		}
		b.WriteString("\n")
	}
	require.NotContains(t, b.String(), "secret-path")
	require.NotContains(t, b.String(), "user:secret")
	requireGolden(t, filepath.Join("testdata", "broken.golden"), b.String())
}
