package toolspec_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/mcpclient/toolspec"
)

var (
	update = flag.Bool("update", false, "rewrite the files in testdata")
	pairs  = flag.Int("names", 20_000, "how many random names TestNamesOfRandomTools makes")
)

// golden compares text with a file in testdata.
func golden(t *testing.T, name, text string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, strings.ReplaceAll(string(want), "\r\n", "\n"), text)
}

// Saved conversations and permission rules hold these names, so they must never change.
func TestNamesStay(t *testing.T) {
	servers := []string{"github", "my server", "9lives", "", "__", "a__b", "internal-tools-of-the-platform-team", "größe", "s_0123abcd"}
	tools := []string{"create_issue", "get.issue", "", "_x", "a b", "x_0123abcd", "日本", strings.Repeat("long-", 20)}
	var b strings.Builder
	for _, server := range servers {
		fmt.Fprintf(&b, "%q: %s\n", server, toolspec.Alias(server))
		for _, tool := range tools {
			fmt.Fprintf(&b, "\t%q: %s\n", tool, toolspec.Name(server, tool))
		}
	}
	golden(t, "names.txt", b.String())
}

var everywhere = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]{0,62}$`)

// Every API accepts each name, the first separator ends the alias, and no two tools share a name.
func TestNamesOfRandomTools(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	letters := []rune("aZ09_-. /é日\x00")
	word := func() string {
		out := make([]rune, random.IntN(12)*random.IntN(8))
		for i := range out {
			out[i] = letters[random.IntN(len(letters))]
		}
		return string(out)
	}
	type pair struct{ server, tool string }
	owners, servers := map[string]pair{}, map[string]string{}
	for range *pairs {
		p := pair{word(), word()}
		name, alias := toolspec.Name(p.server, p.tool), toolspec.Alias(p.server)
		if !everywhere.MatchString(name) {
			t.Fatalf("%q: an API refuses %s", p, name)
		}
		if before, _, found := strings.Cut(name, toolspec.Separator); !found || before != alias {
			t.Fatalf("%q: %s does not split into %s", p, name, alias)
		}
		if owner, taken := owners[name]; taken && owner != p {
			t.Fatalf("%q and %q are both %s", owner, p, name)
		}
		if owner, taken := servers[alias]; taken && owner != p.server {
			t.Fatalf("%q and %q are both %s", owner, p.server, alias)
		}
		owners[name], servers[alias] = p, p.server
	}
}

// A tool cannot take the shortened name of another tool, since a name that looks like one is
// shortened itself.
func TestNamesCannotBeForged(t *testing.T) {
	victim := toolspec.Name("shop", "buy.now")
	_, forged, _ := strings.Cut(victim, toolspec.Separator)
	require.NotEqual(t, victim, toolspec.Name("shop", forged))
	alias := toolspec.Alias("my shop")
	require.NotEqual(t, alias, toolspec.Alias(alias))
}
