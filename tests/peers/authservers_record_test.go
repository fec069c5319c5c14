package peers_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// authServersFile is a section of docs/compatibility.md, which tests/field copies from here.
const authServersFile = "authservers.md"

const authServersIntro = `
## Authorization servers

CI logs in at these third-party authorization servers with ` + "`hawser login`" + ` and a headless browser,
then calls tools, refreshes the token twice, asks for more scopes, restarts the server and logs out.
It also logs in for sessions behind an executor, with the requests for tokens through the executor
and, by ` + "`Config.Transport`" + `, without it (` + "`go test -run TestAuthorization .`" + ` in ` + "`tests/peers`" + `). The test
fails if a server begins to offer what it lacks today.

`

const authServersNotes = `
After a restart, these servers have forgotten their tokens and registered clients. The user then
logs in again. If the login page reports an unknown client, the next login registers a new client.

A proxy before a server that names itself in the callback (RFC 9207), such as oidc-provider, is
refused: the callback names another issuer than the metadata, as in a mix-up of two servers. The
code is not redeemed, and the error names both issuers.
`

// authServersSection describes the servers of the table, in their pinned versions.
func authServersSection(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	b.WriteString(authServersIntro + "| server | version | flags of `hawser login` |")
	for _, f := range authFeatures {
		fmt.Fprintf(&b, " %s |", f)
	}
	b.WriteString("\n|" + strings.Repeat("---|", 3+len(authFeatures)) + "\n")
	var reasons []string
	for _, s := range authServers {
		flags := "none"
		if len(s.flags) > 0 {
			flags = "`" + strings.Join(s.flags, " ") + "`"
		}
		fmt.Fprintf(&b, "| %s | %s | %s |", s.name, authServerVersion(t, s.pkg), flags)
		for _, f := range authFeatures {
			cell := "works"
			if s.na[f] != "" {
				cell = "n/a"
				reasons = append(reasons, fmt.Sprintf("* %s, %s: %s.\n", s.name, f, s.na[f]))
			}
			fmt.Fprintf(&b, " %s |", cell)
		}
		b.WriteString("\n")
	}
	b.WriteString("\n" + strings.Join(reasons, "") + authServersNotes)
	return b.String()
}

// authServerVersion returns the pinned version of a Go module or an npm package.
func authServerVersion(t *testing.T, pkg string) string {
	t.Helper()
	mod, err := os.ReadFile(filepath.Join("as", "zitadel", "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	if _, after, found := strings.Cut(string(mod), pkg+" v"); found {
		return strings.Fields(after)[0]
	}
	data, err := os.ReadFile("package-lock.json")
	if err != nil {
		t.Fatal(err)
	}
	var lock struct {
		Packages map[string]struct{ Version string }
	}
	if err := json.Unmarshal(data, &lock); err != nil {
		t.Fatal(err)
	}
	version := lock.Packages["node_modules/"+pkg].Version
	if version == "" {
		t.Fatalf("no version of %s is pinned", pkg)
	}
	return version
}

// The recorded section describes these servers in these versions.
func TestAuthorizationServersAreRecorded(t *testing.T) {
	section := authServersSection(t)
	if *update {
		if err := os.WriteFile(authServersFile, []byte(section), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if recorded, err := os.ReadFile(authServersFile); err != nil || string(recorded) != section {
		t.Errorf("%s is out of date (%v): run `go test -run TestAuthorizationServersAreRecorded . -update`, then `go test ./tests/field -update`", authServersFile, err)
	}
}
