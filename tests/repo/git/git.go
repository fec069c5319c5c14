// Package git runs git for the programs in tests/repo.
package git

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
)

// Run runs git in a directory and returns its standard output without the final newline. The error
// contains git's standard error.
func Run(dir string, args ...string) (string, error) {
	output, err := run(dir, args...)
	return strings.TrimSuffix(string(output), "\n"), err
}

// Archive returns the files of a revision or tree. The keys are paths relative to the repository
// root. The contents are the same bytes that the go command gets when it downloads a module.
func Archive(dir, rev string) (map[string][]byte, error) {
	root, err := Run(dir, "rev-parse", "--show-toplevel")
	if err != nil {
		return nil, err
	}
	archive, err := run(root, "-c", "core.autocrlf=input", "-c", "core.eol=lf", "archive", "--format=tar", rev)
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{}
	reader := tar.NewReader(bytes.NewReader(archive))
	for {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return files, nil
		}
		if err != nil {
			return nil, err
		}
		if header.Typeflag == tar.TypeReg {
			if files[header.Name], err = io.ReadAll(reader); err != nil {
				return nil, err
			}
		}
	}
}

func run(dir string, args ...string) ([]byte, error) {
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	output, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("git %s: %w: %s", strings.Join(args, " "), err, bytes.TrimSpace(stderr.Bytes()))
	}
	return output, nil
}
