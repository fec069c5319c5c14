package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

// bashWords replaces the only function of cobra's script that needs the bash-completion package.
// Bash splits a line at : and =, which URLs and arguments contain; this function joins the parts
// that have no blank between them.
const bashWords = `
__hawser_init_completion()
{
    local rest="${COMP_LINE:0:COMP_POINT}" word i
    words=()
    for ((i = 0; i <= COMP_CWORD; i++)); do
        word="${COMP_WORDS[i]}"
        if [[ ${#words[@]} -eq 0 || $rest == [[:blank:]]* ]]; then
            rest="${rest#"${rest%%[![:blank:]]*}"}"
            words+=("")
        fi
        [[ $rest == "$word"* ]] || word="$rest" # the cursor is within the word
        words[${#words[@]}-1]+="$word"
        rest="${rest:${#word}}"
    done
    cword=$((${#words[@]} - 1))
    cur="${words[cword]}"
    prev=""
    ((cword == 0)) || prev="${words[cword-1]}"
}
`

// completeInBash makes the completion script work in any bash.
func completeInBash(root *cobra.Command) {
	root.InitDefaultCompletionCmd()
	bash, _, err := root.Find([]string{"completion", "bash"})
	if err != nil || bash == root {
		return
	}
	bash.Long = lines("Print the completion script for bash. It needs nothing but bash.", "",
		"For this shell:", "  source <(hawser completion bash)", "",
		"For every new shell:", "  hawser completion bash > ~/.hawser-completion",
		"  echo 'source ~/.hawser-completion' >> ~/.bashrc")
	script := bash.RunE
	bash.RunE = func(cmd *cobra.Command, args []string) error {
		if err := script(cmd, args); err != nil {
			return err
		}
		_, err := fmt.Fprint(cmd.Root().OutOrStdout(), bashWords)
		return err
	}
}
