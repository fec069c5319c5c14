// Command release prepares a release of all modules that users fetch. It commits and tags in the
// clone around the current directory and never pushes; it prints the commands that publish.
//
//	go run ./tests/repo/release v0.2.0
//
// A module below tests is not released. A nested module replaces the root module by the tree around
// it during development, and the go command installs no program whose go.mod has a replace
// directive. So the release commit replaces that directive by a requirement on the release itself,
// with its checksums, and the next commit puts it back. The tags are on the release commit.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

func main() {
	if err := run(os.Stdout, ".", os.Args[1:], time.Now()); err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

func run(out io.Writer, dir string, args []string, now time.Time) error {
	if len(args) != 1 || args[0] == "" {
		return errors.New("expected one version: make release VERSION=v1.2.3")
	}
	v, err := parseVersion(args[0])
	if err != nil {
		return err
	}
	r, err := check(dir, v)
	if err != nil {
		return err
	}
	r.date = now.UTC().Format(time.DateOnly)
	tags, err := r.prepare()
	if err != nil {
		return errors.Join(err, r.undo())
	}
	_, err = io.WriteString(out, r.nextSteps(tags))
	return err
}
