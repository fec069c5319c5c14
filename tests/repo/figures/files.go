package main

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
)

// workingTree is the name of the revision that is not committed yet.
const workingTree = "."

// filesOf returns the library's Go files of a revision, by their path from the root of the
// repository that dir is in.
func filesOf(dir, rev string) (map[string][]byte, error) {
	output, err := git("-C", dir, "rev-parse", "--show-toplevel")
	if err != nil {
		return nil, err
	}
	root := strings.TrimSpace(string(output))
	if rev == workingTree {
		return readTree(root)
	}
	archive, err := git("-C", root, "archive", "--format=tar", rev)
	if err != nil {
		return nil, err
	}
	return readArchive(archive)
}

// readTree reads the files as they are on disk: those that git tracks, and new ones that it does
// not ignore.
func readTree(root string) (map[string][]byte, error) {
	names, err := git("-C", root, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{}
	for name := range strings.SplitSeq(string(names), "\x00") {
		if !isLibrary(name) {
			continue
		}
		src, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name))) //nolint:gosec // git lists it
		if errors.Is(err, os.ErrNotExist) {                                    // deleted, but not yet in the index
			continue
		}
		if err != nil {
			return nil, err
		}
		files[name] = src
	}
	return files, nil
}

func readArchive(archive []byte) (map[string][]byte, error) {
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
		if header.Typeflag != tar.TypeReg || !isLibrary(header.Name) {
			continue
		}
		if files[header.Name], err = io.ReadAll(reader); err != nil {
			return nil, err
		}
	}
}

// isLibrary reports whether a path can be a file of the library. The package clause tells programs
// apart, later.
func isLibrary(name string) bool {
	top, _, _ := strings.Cut(name, "/")
	return path.Ext(name) == ".go" && !strings.HasSuffix(name, "_test.go") && top != "tests" && top != "examples"
}

func git(args ...string) ([]byte, error) {
	cmd := exec.Command("git", args...) //nolint:gosec,noctx // only the user's revision is not ours
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	output, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("git %s: %w: %s", strings.Join(args, " "), err, bytes.TrimSpace(stderr.Bytes()))
	}
	return output, nil
}
