// Command figures reports lines, files, exported names and function lengths of the library, for
// each package and in total.
//
//	go run ./tests/repo/figures                     the working tree
//	go run ./tests/repo/figures -rev v0.1.0         a revision, read from git
//	go run ./tests/repo/figures -rev v0.1.0 -rev .  two revisions, before → after; . is the working tree
//
// It reads the repository that contains the current directory and does not change it. The library
// is every package of the root module except programs and packages below tests or examples. Test
// files do not count.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
)

func main() {
	var revs []string
	flag.Func("rev", "count this `revision`; give two for before → after (. is the working tree)", func(rev string) error {
		if len(revs) == 2 {
			return fmt.Errorf("at most two revisions, got a third: %s", rev)
		}
		revs = append(revs, rev)
		return nil
	})
	flag.Parse()
	if flag.NArg() > 0 {
		fmt.Fprintf(os.Stderr, "figures: unexpected argument %q; a revision goes after -rev\n", flag.Arg(0))
		os.Exit(2)
	}
	if err := run(os.Stdout, revs); err != nil {
		fmt.Fprintln(os.Stderr, "figures:", err)
		os.Exit(1)
	}
}

func run(out io.Writer, revs []string) error {
	if len(revs) == 0 {
		revs = []string{workingTree}
	}
	counts := make([]map[string]figures, len(revs))
	for i, rev := range revs {
		files, err := filesOf(".", rev)
		if err != nil {
			return err
		}
		if counts[i], err = count(files); err != nil {
			return fmt.Errorf("%s: %w", rev, err)
		}
	}
	_, err := io.WriteString(out, table(counts))
	return err
}
