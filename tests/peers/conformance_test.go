package peers_test

import (
	"encoding/json"
	"flag"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hawser-mcp/hawser/tests/peers/peer"
	"github.com/hawser-mcp/hawser/transport/executor/agent"
)

var update = flag.Bool("update", false, "record how many checks the conformance suite made")

// countsFile records how many checks each run makes. If a number changes, the test coverage has
// changed, and the new file must be committed.
const countsFile = "conformance_counts.json"

// scenarios lists the runs: each scenario with every protocol revision that it applies to.
var scenarios = map[string][]string{
	"initialize":                          {"2025-06-18", "2025-11-25"},
	"tools_call":                          {"2025-06-18", "2025-11-25", "2026-07-28"},
	"sse-retry":                           {"2025-11-25"},
	"request-metadata":                    {"2026-07-28"},
	"http-standard-headers":               {"2026-07-28"},
	"http-custom-headers":                 {"2026-07-28"},
	"http-invalid-tool-headers":           {"2026-07-28"},
	"json-schema-ref-no-deref":            {"2026-07-28"},
	"json-schema-2020-12-preservation":    {"2025-11-25", "2026-07-28"},
	"elicitation-sep1034-client-defaults": {"2025-11-25"},
	"sep-2322-client-request-state":       {"2026-07-28"},

	"auth/metadata-default":                     {"2025-11-25", "2026-07-28"},
	"auth/metadata-var1":                        {"2025-11-25", "2026-07-28"},
	"auth/metadata-var2":                        {"2025-11-25", "2026-07-28"},
	"auth/metadata-var3":                        {"2025-11-25", "2026-07-28"},
	"auth/basic-cimd":                           {"2025-11-25", "2026-07-28"},
	"auth/scope-from-www-authenticate":          {"2025-11-25", "2026-07-28"},
	"auth/scope-from-scopes-supported":          {"2025-11-25", "2026-07-28"},
	"auth/scope-omitted-when-undefined":         {"2025-11-25", "2026-07-28"},
	"auth/scope-step-up":                        {"2025-11-25", "2026-07-28"},
	"auth/scope-retry-limit":                    {"2025-11-25", "2026-07-28"},
	"auth/pre-registration":                     {"2025-11-25", "2026-07-28"},
	"auth/token-endpoint-auth-basic":            {"2025-06-18", "2025-11-25", "2026-07-28"},
	"auth/token-endpoint-auth-post":             {"2025-06-18", "2025-11-25", "2026-07-28"},
	"auth/token-endpoint-auth-none":             {"2025-06-18", "2025-11-25", "2026-07-28"},
	"auth/2025-03-26-oauth-metadata-backcompat": {"2025-03-26"},
	"auth/2025-03-26-oauth-endpoint-fallback":   {"2025-03-26"},
	"auth/resource-mismatch":                    {"2026-07-28"},
	"auth/offline-access-scope":                 {"2026-07-28"},
	"auth/offline-access-not-supported":         {"2026-07-28"},
	"auth/authorization-server-migration":       {"2026-07-28"},
	"auth/iss-supported":                        {"2026-07-28"},
	"auth/iss-not-advertised":                   {"2026-07-28"},
	"auth/iss-supported-missing":                {"2026-07-28"},
	"auth/iss-wrong-issuer":                     {"2026-07-28"},
	"auth/iss-unexpected":                       {"2026-07-28"},
	"auth/iss-normalized":                       {"2026-07-28"},
	"auth/metadata-issuer-mismatch":             {"2026-07-28"},
	"auth/client-credentials-jwt":               {peer.Extension},
	"auth/client-credentials-basic":             {peer.Extension},
	"auth/enterprise-managed-authorization":     {peer.Extension},
	"auth/dpop":                                 {peer.Extension},
	"auth/dpop-nonce":                           {peer.Extension},
	"auth/wif-jwt-bearer":                       {peer.Extension},
}

// notRun maps a prefix of scenario names to the reason why these scenarios are not run.
var notRun = map[string]string{
	"sep-2640-": "the host implements the skills extension, not the SDK",
}

// conformanceWays returns the routes of the client's requests. The suite must see the same traffic
// over each route. CI has no time for the last one, which the variable HAWSER_TEST_ALL_WAYS adds.
func conformanceWays() []string {
	ways := []string{"direct", "codex", "agent"}
	if os.Getenv("HAWSER_TEST_ALL_WAYS") != "" {
		ways = append(ways, sharedAgent)
	}
	return ways
}

// sharedAgent is the route through the agent on which all exchanges share a link.
const sharedAgent = "agent shared"

// counts holds the number of checks of each run, by scenario and revision.
type counts map[string]map[string]peer.Count

// TestConformance runs the official suite. Its runs are not parallel, because some scenarios
// measure time.
func TestConformance(t *testing.T) {
	peer.RequireInstalled(t)
	client := buildClient(t)
	want, got := readCounts(t), counts{}
	for _, scenario := range slices.Sorted(maps.Keys(scenarios)) {
		got[scenario] = map[string]peer.Count{}
		for _, revision := range scenarios[scenario] {
			for _, way := range conformanceWays() {
				t.Run(scenario+"/"+revision+"/"+way, func(t *testing.T) {
					count := runScenario(t, client, scenario, revision, way)
					if expected := want[scenario][revision]; !*update && count != expected {
						t.Errorf("made %+v checks, expected %+v; if the new count is right, run `make conformance-counts`", count, expected)
					}
					got[scenario][revision] = count
				})
			}
		}
	}
	if *update && !t.Failed() {
		got.write(t)
	}
}

func runScenario(t *testing.T, client, scenario, revision, way string) peer.Count {
	t.Helper()
	if way == "direct" {
		return runSuite(t, client, scenario, revision, "HAWSER_TRANSPORT=direct")
	}
	relay := peer.StartRelay(t, startExecutor(t, way))
	env := []string{"HAWSER_TRANSPORT=executor", "HAWSER_EXECUTOR=" + relay.URL}
	if way == sharedAgent {
		env = append(env, "HAWSER_EXECUTOR_SHARED=1")
	}
	if strings.HasPrefix(scenario, "auth/") {
		// These scenarios check the server's host name, so they do not work through a proxy.
		count := runSuite(t, client, scenario, revision, env...)
		if len(relay.Exchanges()) == 0 {
			t.Error("the executor received no request")
		}
		return count
	}
	front := peer.StartFront(t)
	count := runSuite(t, front.Lead(t, client), scenario, revision, env...)
	// Every request that reached the server was one exchange through the executor.
	if seen, sent := front.Seen(), relay.Exchanges(); len(seen) == 0 || !maps.Equal(seen, sent) {
		t.Errorf("the server received %v, the executor %v", seen, sent)
	}
	return count
}

// startExecutor starts an executor with its default settings and returns its URL.
func startExecutor(tb testing.TB, way string) string {
	tb.Helper()
	if way == "codex" {
		return peer.StartCodex(tb).URL
	}
	l, err := agent.Listen(tb.Context(), "ws://127.0.0.1:0", nil)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = l.Close() })
	return l.URL()
}

func runSuite(t *testing.T, client, scenario, revision string, env ...string) peer.Count {
	t.Helper()
	checks, err := peer.RunConformance(t, client, scenario, revision, env...)
	if err != nil {
		t.Fatal(err)
	}
	count, err := peer.Tally(checks)
	if err != nil {
		t.Fatal(err)
	}
	return count
}

func readCounts(t *testing.T) counts {
	t.Helper()
	data, err := os.ReadFile(countsFile)
	if err != nil {
		t.Fatal(err)
	}
	var c counts
	if err := json.Unmarshal(data, &c); err != nil {
		t.Fatalf("%s: %v", countsFile, err)
	}
	return c
}

func (c counts) write(t *testing.T) {
	t.Helper()
	data, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(countsFile, append(data, '\n'), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestConformanceCounts fails if countsFile records a run that no longer exists.
func TestConformanceCounts(t *testing.T) {
	for scenario, revisions := range readCounts(t) {
		if recorded := slices.Sorted(maps.Keys(revisions)); !slices.Equal(recorded, scenarios[scenario]) {
			t.Errorf("%s records %s at %v, expected %v", countsFile, scenario, recorded, scenarios[scenario])
		}
	}
}

// TestConformanceTablesAreComplete compares the tables above with the suite. It fails if a newer
// suite adds scenarios or revisions.
func TestConformanceTablesAreComplete(t *testing.T) {
	offered := peer.ClientScenarios(t)
	for scenario, revisions := range scenarios {
		if !slices.Equal(offered[scenario], revisions) {
			t.Errorf("%s is run at %v, the suite offers %v", scenario, revisions, offered[scenario])
		}
	}
	unused := maps.Clone(notRun)
	for scenario := range offered {
		_, run := scenarios[scenario]
		reasons := 0
		for prefix := range notRun {
			if strings.HasPrefix(scenario, prefix) {
				reasons++
				delete(unused, prefix)
			}
		}
		if run == (reasons > 0) {
			t.Errorf("%s: run: %v, reasons not to run it: %d", scenario, run, reasons)
		}
	}
	for prefix := range unused {
		t.Errorf("no scenario of the suite starts with %q", prefix)
	}
}

// buildClient builds the program that the suite tests. The program is in the root module and uses
// the SDK like any other program.
func buildClient(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "client")
	build := exec.CommandContext(t.Context(), "go", "build", "-C", filepath.Join("..", ".."),
		"-o", path, "./tests/conformance/client")
	if output, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building the conformance client: %v\n%s", err, output)
	}
	return path
}
