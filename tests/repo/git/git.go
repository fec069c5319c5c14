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

// Run runs git in a directory and returns what it wrote to standard output, without the last line
// ending. The error has what it wrote to standard error.
func Run(dir string, args ...string) (string, error) {
	output, err := run(dir, args...)
	return strings.TrimSuffix(string(output), "\n"), err
}

// Archive returns the files of a revision or tree, by their path from the root of the repository,
// with the bytes that the go command finds when it downloads a module.
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
