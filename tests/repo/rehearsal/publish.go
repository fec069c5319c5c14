package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// prepare copies the repository and releases the copy.
func (w *world) prepare() error {
	if err := copyTree(w.root, w.clone); err != nil {
		return err
	}
	if err := w.addChange(); err != nil {
		return err
	}
	for _, args := range [][]string{
		{"git", "init", "--quiet", "--initial-branch=main"},
		{"git", "add", "."},
		{"git", "commit", "--quiet", "--message", "A copy"},
		{"go", "run", "./tests/repo/release", w.version},
		{"git", "checkout", "--quiet", w.version},
	} {
		if _, err := w.command(w.clone, nil, args[0], args[1:]...); err != nil {
			return err
		}
	}
	return nil
}

// addChange adds an entry to the changelog. Right after a release the changelog has no unreleased
// entries, and the release command refuses to release nothing.
func (w *world) addChange() error {
	file := filepath.Join(w.clone, "CHANGELOG.md")
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	const heading = "## [Unreleased]\n"
	changed := strings.Replace(string(text), heading, heading+"\n- A rehearsal.\n", 1)
	return os.WriteFile(file, []byte(changed), 0o600)
}

// publish makes the proxy. Like a real proxy, the go command downloads the released modules from
// the tags. It also downloads the modules that they require, and verifies them against the released
// go.sum files.
func (w *world) publish() error {
	env := []string{
		"GOMODCACHE=" + w.proxy, "GOPROXY=" + w.upstream, "GONOPROXY=" + rootModule, "GONOSUMDB=" + rootModule,
		"GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=url." + fileURL(w.clone) + ".insteadOf", "GIT_CONFIG_VALUE_0=https://" + rootModule,
	}
	modules, err := w.released()
	if err != nil {
		return err
	}
	for _, dir := range modules {
		if _, err := w.command(w.user, env, "go", "mod", "download", path.Join(rootModule, dir)+"@"+w.version); err != nil {
			return err
		}
	}
	for _, dir := range modules {
		dir = filepath.Join(w.clone, filepath.FromSlash(dir))
		if _, err := w.command(dir, env, "go", "mod", "download"); err != nil {
			return err
		}
		// This fails if go.mod or go.sum is incomplete.
		if _, err := w.command(dir, env, "go", "list", "-deps", "./..."); err != nil {
			return err
		}
	}
	return nil
}

// released returns the directories of the tagged modules.
func (w *world) released() ([]string, error) {
	tags, err := w.command(w.clone, nil, "git", "tag")
	if err != nil {
		return nil, err
	}
	var dirs []string
	for tag := range strings.FieldsSeq(tags) {
		if path.Base(tag) != w.version {
			return nil, fmt.Errorf("unexpected tag %s", tag)
		}
		dirs = append(dirs, path.Dir(tag))
	}
	slices.Sort(dirs) // the root module, ".", first
	if len(dirs) < 2 || dirs[0] != "." {
		return nil, fmt.Errorf("expected tags of the root module and of nested ones, got %q", tags)
	}
	return dirs, nil
}

// copyTree copies the regular files of the repository, except those that git, npm and CI create.
func copyTree(from, to string) error {
	return filepath.WalkDir(from, func(name string, entry fs.DirEntry, err error) error {
		rel, relErr := filepath.Rel(from, name)
		if err := errors.Join(err, relErr); err != nil {
			return err
		}
		target := filepath.Join(to, rel)
		switch {
		case slices.Contains([]string{".git", ".tools", "bin", "node_modules"}, entry.Name()):
			if entry.IsDir() {
				return filepath.SkipDir
			}
			return nil
		case entry.IsDir():
			return os.MkdirAll(target, 0o700)
		case entry.Type().IsRegular():
			data, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			return os.WriteFile(target, data, 0o600)
		}
		return nil
	})
}
