package field

import (
	"fmt"
	"strings"

	"github.com/hawser-mcp/hawser/mcpclient"
)

const intro = `# Compatibility

Real servers, gateways and authorization servers differ from the specification and from each other.
This page lists what they do, where it was reported, and how a Hawser session handles it. CI plays
every row with a scripted server, in each era where it applies, direct and through an executor
(` + "`go test ./tests/field`" + `). After every row in which Connect succeeds, the next call works. The rules
behind the results are in [errors and retries](errors-and-retries.md) and
[guarantees](guarantees.md). The [last section](#third-party-servers) lists third-party servers that
CI runs.

The test writes this page. To add a row, append it to a ` + "`corpus_*.go`" + ` file in ` + "`tests/field`" + ` and run
` + "`go test ./tests/field -update`" + `.
`

// Document returns the text of docs/compatibility.md.
func Document(servers Servers) string {
	var b strings.Builder
	corpus := Corpus()
	b.WriteString(intro)
	fmt.Fprintf(&b, "\n%d of %d rows give the wanted result. The others begin with “not yet” and say what happens today.\n",
		len(corpus)-len(Pending), len(corpus))
	kind := Kind("")
	for _, q := range corpus {
		if q.Kind != kind {
			kind = q.Kind
			fmt.Fprintf(&b, "\n## %s\n\n| row | what the server does | era | result | reported in |\n|---|---|---|---|---|\n", kind)
		}
		cells := []string{q.ID, q.Sends, eraText(q.Eras), q.outcome(), q.links()}
		for i := range cells {
			cells[i] = strings.ReplaceAll(cells[i], "|", `\|`)
		}
		fmt.Fprintf(&b, "| %s |\n", strings.Join(cells, " | "))
	}
	b.WriteString(servers.section())
	return b.String()
}

func eraText(e Era) string {
	if e == 0 {
		e = Both
	}
	return e.String()
}

// outcome returns the result column of the quirk.
func (q *Quirk) outcome() string {
	if why, pending := Pending[q.ID]; pending {
		return "not yet: " + why
	}
	text := q.Want.Note
	if text == "" {
		text = q.Want.describe()
	}
	if q.CLI == nil {
		return text
	}
	if why, pending := PendingCLI[q.ID]; pending {
		return text + "; not yet at the command line: " + why
	}
	return text + "; " + q.CLI.describe()
}

func (w Want) describe() string {
	says := ""
	if len(w.Says) > 0 {
		says = "; the error contains " + quoted(w.Says)
	}
	switch {
	case w.Kind == 0:
		return "works"
	case w.Connect:
		return fmt.Sprintf("Connect fails (%v)%s", w.Kind, says)
	case w.Outcome == mcpclient.Unknown:
		return fmt.Sprintf("fails (%v); the tool may have run%s", w.Kind, says)
	case w.Outcome == mcpclient.NotRun:
		return fmt.Sprintf("fails (%v); the tool did not run%s", w.Kind, says)
	default:
		return fmt.Sprintf("fails (%v)%s", w.Kind, says)
	}
}

func (c *CLI) describe() string {
	if c.Fails {
		return fmt.Sprintf("`hawser %s` fails and prints %s", c.Args, quoted(c.Says))
	}
	return fmt.Sprintf("`hawser %s` prints %s", c.Args, quoted(c.Says))
}

// quoted returns the texts in quotes, joined by "and".
func quoted(texts []string) string { return "“" + strings.Join(texts, "” and “") + "”" }

// links returns the sources, separated by commas. A source of the form owner/repository#number
// becomes a link to that issue.
func (q *Quirk) links() string {
	links := make([]string, len(q.Sources))
	for i, source := range q.Sources {
		repository, number, isIssue := strings.Cut(source, "#")
		links[i] = source
		if isIssue && strings.Contains(repository, "/") {
			links[i] = fmt.Sprintf("[%s](https://github.com/%s/issues/%s)", source, repository, number)
		}
	}
	return strings.Join(links, ", ")
}
