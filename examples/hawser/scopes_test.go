package main

import (
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/authtest"
)

// protectedMachine returns an authorization world with an MCP server behind it, a machine whose user
// logs in there, and the flags for a new store.
func protectedMachine(t *testing.T) (world *authtest.World, m machine, store []string) {
	t.Helper()
	world, srv := authtest.New(t), modern()
	t.Cleanup(srv.Close)
	world.Resource.Change(func(s *authtest.ResourceScript) { s.Handler = srv })
	return world, machine{login: visits(world), transport: world.Transport}, []string{"--store", filepath.Join(t.TempDir(), "tokens")}
}

// A logged-in user whose token lacks a scope gets a command that obtains it, not "not logged in".
func TestTokenThatLacksAScope(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		world, m, store := protectedMachine(t)
		url := world.Resource.URL
		require.Equal(t, exitOK, m.hawser(t, append([]string{"login", url}, store...)...).code)
		world.Resource.Change(func(s *authtest.ResourceScript) { s.Need = "tea:brew" })
		r := m.hawser(t, append([]string{"tools", url}, store...)...)
		require.Equal(t, exitAuth, r.code, r.err)
		_, command, found := strings.Cut(r.err, "hint: the token lacks the scope tea:brew; get one with: hawser ")
		require.True(t, found, r.err)
		r = m.hawser(t, strings.Fields(command)...)
		require.Equal(t, exitOK, r.code, r.err)
		require.NotContains(t, r.err, "not grant")
		require.Equal(t, exitOK, m.hawser(t, append([]string{"tools", url}, store...)...).code)
	})
}

// A login names the requested scopes that the authorization server did not grant.
func TestScopesThatAreNotGranted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		world, m, store := protectedMachine(t)
		world.Server.Change(func(s *authtest.Script) { s.Granted = []string{"tea:drink"} })
		r := m.hawser(t, append([]string{"login", world.Resource.URL, "--scope", "tea:drink", "--scope", "tea:brew"}, store...)...)
		require.Equal(t, exitOK, r.code, r.err)
		require.Contains(t, r.err, "the authorization server did not grant the scope tea:brew\n")
	})
}

// A second login without the client ID of the first one fails with a hint that repeats it.
func TestLoginAsTheSameClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		world, m, store := protectedMachine(t)
		world.Server.AddClient("teapot", "", "http://127.0.0.1:7777/callback")
		world.Server.Change(func(s *authtest.Script) {
			s.Metadata = func(document map[string]any) { delete(document, "registration_endpoint") }
		})
		login := append([]string{"login", world.Resource.URL, "--scope", "tea:brew"}, store...)
		r := m.hawser(t, login...)
		require.Equal(t, exitAuth, r.code)
		require.Contains(t, r.err, "hint: if you have a client ID for this server, pass it with --client-id\n")
		require.Equal(t, exitOK, m.hawser(t, append(login, "--client-id", "teapot")...).code)
		r = m.hawser(t, login...)
		require.Equal(t, exitAuth, r.code)
		require.Contains(t, r.err, "hint: log in as the same client as before: hawser login "+world.Resource.URL+" --store "+store[1]+" --scope tea:brew --client-id teapot\n")
	})
}

// A login with a registration from before says what to do if the server has forgotten it.
func TestLoginWithAnOlderRegistration(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		world, m, store := protectedMachine(t)
		login := append([]string{"login", world.Resource.URL}, store...)
		require.NotContains(t, m.hawser(t, login...).err, "Ctrl-C")
		require.Contains(t, m.hawser(t, login...).err, "press Ctrl-C and log in again")
	})
}
