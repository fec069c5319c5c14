package main

import (
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/authtest"
)

// A server on this machine whose metadata has its other name is reached by that name. Nothing else
// that the metadata says leads to a hint.
func TestServerWithItsOtherName(t *testing.T) {
	for named, hint := range map[string]string{
		"http://localhost:PORT/mcp":    "hint: the server calls itself http://localhost:PORT/mcp; log in there: hawser login http://localhost:PORT/mcp\n",
		"http://localhost:1/mcp":       "",
		"http://localhost:PORT/other":  "",
		"http://evil.example:PORT/mcp": "",
	} {
		synctest.Test(t, func(t *testing.T) {
			world, m, store := protectedMachine(t)
			port := func(text string) string {
				return strings.ReplaceAll(text, "PORT", world.Resource.Origin[strings.LastIndex(world.Resource.Origin, ":")+1:])
			}
			world.Resource.Change(func(s *authtest.ResourceScript) {
				s.Metadata = func(document map[string]any) { document["resource"] = port(named) }
			})
			r := m.hawser(t, append([]string{"login", world.Resource.URL}, store...)...)
			require.Equal(t, exitAuth, r.code, r.err)
			require.Contains(t, r.err, "it describes another resource")
			if hint != "" {
				require.Contains(t, r.err, port(hint))
			} else {
				require.NotContains(t, r.err, "calls itself")
			}
		})
	}
}
