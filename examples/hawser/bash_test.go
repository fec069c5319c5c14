package main

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A bash without the bash-completion package completes with hawser's script alone. COMP_WORDS is
// how bash splits the line: at : and = too.
func TestBashCompletes(t *testing.T) {
	self, err := os.Executable()
	require.NoError(t, err)
	url := teahouse(t)
	host := strings.TrimSuffix(strings.TrimPrefix(url, "http:"), "/mcp")
	address, port, _ := strings.Cut(strings.TrimPrefix(host, "//"), ":")
	words := func(rest string) string { return `hawser call http : //` + address + ` : ` + port + `/mcp ` + rest }
	for _, c := range []struct{ line, words, want string }{
		{"hawser to", "hawser to", "tools"},
		{"hawser call " + url + " br", words("br"), "brew"},
		{"hawser call " + url + " b", words("b"), "brew burn"},
		{"hawser call  " + url + " ", words("''"), "brew burn hostile mixed silent structured"},
		{"hawser call " + url + " brew cu", words("brew cu"), "cups="},
		{"hawser call " + url + " brew tea=x mi", words("brew tea = x mi"), "milk="},
		{"hawser read " + url + " tea:", strings.Replace(words("tea :"), "call", "read", 1), "//menu"},
		{"hawser call " + url + " brew --elicit a", words("brew --elicit a"), "accept ask"},
	} {
		script := `compopt() { :; } # bash has it only while it completes
hawser() { "$HAWSER" "$@"; }
source <(hawser completion bash)
COMP_LINE=$1 COMP_POINT=${#1} COMP_TYPE=9
COMP_WORDS=(` + c.words + `)
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
__start_hawser
printf '%s\n' "${COMPREPLY[@]}" | sort | paste -sd' '`
		cmd := exec.CommandContext(t.Context(), "bash", "--norc", "--noprofile", "-c", script, "bash", c.line)
		cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HAWSER=" + self, asHawser + "=1", "GORACE=atexit_sleep_ms=0"}
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, string(out))
		require.Equal(t, c.want+"\n", string(out), c.line)
	}
}
