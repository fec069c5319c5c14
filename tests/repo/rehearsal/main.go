// Command rehearsal releases a copy of this repository and installs the release like a user.
//
//	go run ./tests/repo/rehearsal
//
// It copies the working tree, including uncommitted changes. In the copy, it runs
// tests/repo/release for the next minor version. It then uses the go command to make a module proxy
// in a folder from the tags. In an empty directory, using only that proxy, it builds the programs
// of README.md, and a program with each nested module that is a library. It also installs and runs
// every program that users install. Run it in the root directory.
package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

func main() {
	if err := run("."); err != nil {
		fmt.Fprintln(os.Stderr, "rehearsal:", err)
		os.Exit(1)
	}
}

func run(root string) (err error) {
	dir, err := os.MkdirTemp("", "rehearsal")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	version, err := nextVersion()
	if err != nil {
		return err
	}
	w := &world{root: root, version: version, clone: filepath.Join(dir, "clone"), user: filepath.Join(dir, "user"), proxy: filepath.Join(dir, "proxy")}
	if err := w.readEnvironment(); err != nil {
		return err
	}
	for _, step := range []struct {
		name string
		run  func() error
	}{
		{"prepare " + version + " in a copy of the repository", w.prepare},
		{"make a module proxy from its tags", w.publish},
		{"build the programs of README.md", w.buildReadme},
		{"build a program with each library that is a module of its own", w.buildLibraries},
		{"install and run the programs", w.install},
	} {
		began := time.Now()
		if err := step.run(); err != nil {
			return fmt.Errorf("%s: %w", step.name, err)
		}
		fmt.Printf("%5.1fs  %s\n", time.Since(began).Seconds(), step.name)
	}
	return nil
}
