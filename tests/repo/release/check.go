package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/hawser-mcp/hawser/tests/repo/git"
)

const versionFile = "internal/release/release.go"

var versionLine = regexp.MustCompile(`(?m)^const Version = "(.*)"$`)

// release describes a release before it is prepared.
type release struct {
	root    string // root directory of the clone
	branch  string
	head    string // the commit to release
	version version
	date    string
	nested  []module // the modules to release besides the root module
}

// check returns an error if the version cannot be released from the clone that contains dir. It
// changes nothing.
func check(dir string, v version) (*release, error) {
	root, err := git.Run(dir, "rev-parse", "--show-toplevel")
	if err != nil {
		return nil, err
	}
	r := &release{root: root, version: v}
	status, err := git.Run(root, "status", "--porcelain")
	if err != nil {
		return nil, err
	}
	if status != "" {
		return nil, fmt.Errorf("the working tree has changes: commit or remove them first\n%s", status)
	}
	if r.branch, err = git.Run(root, "symbolic-ref", "--quiet", "--short", "HEAD"); err != nil {
		return nil, fmt.Errorf("no branch is checked out: %w", err)
	}
	if r.head, err = git.Run(root, "rev-parse", "HEAD"); err != nil {
		return nil, err
	}
	if r.nested, err = nestedModules(root); err != nil {
		return nil, err
	}
	return r, errors.Join(r.checkTags(), r.checkVersion())
}

// checkTags returns an error if any tag of the release already exists.
func (r *release) checkTags() error {
	existing, err := git.Run(r.root, append([]string{"tag", "--list"}, r.tags()...)...)
	if err == nil && existing != "" {
		err = fmt.Errorf("already tagged: %s", strings.Join(strings.Fields(existing), ", "))
	}
	return err
}

// checkVersion requires a version that is newer than all released ones. The first release may also
// have the version that is already in the sources.
func (r *release) checkVersion() error {
	tags, err := git.Run(r.root, "tag", "--list", "v*")
	if err != nil {
		return err
	}
	for tag := range strings.FieldsSeq(tags) {
		if released, err := parseVersion(tag); err == nil && r.version.compare(released) <= 0 {
			return fmt.Errorf("version %s is not newer than %s, which is released", r.version, released)
		}
	}
	source, err := os.ReadFile(filepath.Join(r.root, filepath.FromSlash(versionFile)))
	if err != nil {
		return err
	}
	found := versionLine.FindSubmatch(source)
	if found == nil {
		return errors.New(versionFile + ` has no line like: const Version = "1.2.3"`)
	}
	current, err := parseVersion("v" + string(found[1]))
	if err != nil {
		return fmt.Errorf("%s: %w", versionFile, err)
	}
	if r.version.compare(current) < 0 {
		return fmt.Errorf("version %s is older than %s in %s", r.version, current, versionFile)
	}
	return nil
}
