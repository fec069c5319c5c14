package field

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Servers are the results of third-party server programs, which tests/peers records in
// servers.json.
type Servers struct {
	// Features are the columns: what a session tries with each program.
	Features []string `json:"features"`
	// Servers are the rows.
	Servers []struct {
		Name           string `json:"name"`
		Version        string `json:"version"`
		Implementation string `json:"implementation"`
		Protocol       string `json:"protocol"`
		Stateless      bool   `json:"stateless"`
		// NA has the reason for each feature that the program does not offer. All others work.
		NA map[string]string `json:"na"`
	} `json:"servers"`
}

// ReadServers parses servers.json.
func ReadServers(data []byte) (Servers, error) {
	var s Servers
	err := json.Unmarshal(data, &s)
	return s, err
}

const serversIntro = `
## Third-party servers

CI runs third-party server programs on loopback. A session with default options uses all that they
offer, direct and through codex exec-server. Every CI run plays the fast programs;
` + "`make field`" + ` plays all of them.

| column | meaning of “yes” |
|---|---|
| connect, list, call, ping | Connect, Tools, CallTool and Ping work |
| progress | the progress notifications of a call arrive |
| 500 kB | a result of 500 kB arrives |
| wrong arguments | the error of the server is reported, and the session continues |
| cancel; cancel seen | a cancelled call ends at once; its tool learns that it was cancelled |
| close | Close deletes the session on the server |
| restart | the program is killed and restarted, and the session continues. Only the running call fails, with an unknown outcome |

A number in brackets refers to the reasons below the table.
`

// section returns the section of docs/compatibility.md about the servers.
func (s Servers) section() string {
	var b strings.Builder
	programs, implementations := map[string]bool{}, map[string]bool{}
	for _, row := range s.Servers {
		name, _, _ := strings.Cut(row.Name, ", ") // the rest is the variant
		programs[name+" "+row.Version] = true
		implementations[row.Implementation] = true
	}
	b.WriteString(serversIntro)
	fmt.Fprintf(&b, "\n%d programs of %d implementations, some of them in several variants:\n", len(programs), len(implementations))
	fmt.Fprintf(&b, "\n| server | implementation | protocol | sessions | %s |\n", strings.Join(s.Features, " | "))
	b.WriteString(strings.Repeat("|---", 4+len(s.Features)) + "|\n")
	var reasons []string
	for _, row := range s.Servers {
		sessions := "stateful"
		if row.Stateless {
			sessions = "stateless"
		}
		name, variant, isVariant := strings.Cut(row.Name, ", ")
		if name += " " + row.Version; isVariant {
			name += ", " + variant
		}
		cells := []string{name, row.Implementation, row.Protocol, sessions}
		for _, feature := range s.Features {
			reason, missing := row.NA[feature]
			if !missing {
				cells = append(cells, "yes")
				continue
			}
			number := slices.Index(reasons, reason)
			if number < 0 {
				number = len(reasons)
				reasons = append(reasons, reason)
			}
			cells = append(cells, fmt.Sprintf("n/a (%d)", number+1))
		}
		fmt.Fprintf(&b, "| %s |\n", strings.Join(cells, " | "))
	}
	if len(reasons) > 0 {
		b.WriteString("\nNot applicable:\n\n")
	}
	for i, reason := range reasons {
		fmt.Fprintf(&b, "%d. %s\n", i+1, reason)
	}
	return b.String()
}
