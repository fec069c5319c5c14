// Command release prepares a release of all modules that users fetch. It commits and tags in the
// clone that contains the current directory. It never pushes, but prints the commands to do so.
//
//	go run ./tests/repo/release v0.2.0
//
// Modules below tests are not released. During development, the go.mod of a nested module has a
// replace directive that points to the root module in the working tree. The go command refuses to
// install a program whose go.mod has a replace directive. The release commit therefore removes the
// directive and requires the version being released, with its checksums. The next commit restores
// the directive. The tags are on the release commit.
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
