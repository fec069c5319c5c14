package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/hawser-mcp/hawser/tests/repo/git"
)

// prepare makes the release commit, its tags, and the commit that continues development. It returns
// the tags. The first one is the tag of the root module, which the other modules require.
func (r *release) prepare() ([]string, error) {
	if err := r.edit(); err != nil {
		return nil, err
	}
	if _, err := git.Run(r.root, "commit", "--all", "--quiet", "--message", "Release "+r.version.String()); err != nil {
		return nil, err
	}
	tags := r.tags()
	for _, tag := range tags {
		if _, err := git.Run(r.root, "tag", "--annotate", "--message", "Hawser "+r.version.String(), tag); err != nil {
			return nil, err
		}
	}
	return tags, r.continueDevelopment()
}

// edit changes the working tree to the sources of the release.
func (r *release) edit() error {
	if err := rewrite(filepath.Join(r.root, filepath.FromSlash(versionFile)), func(source string) (string, error) {
		return versionLine.ReplaceAllString(source, fmt.Sprintf("const Version = %q", r.version.bare())), nil
	}); err != nil {
		return err
	}
	if err := rewrite(filepath.Join(r.root, "CHANGELOG.md"), func(changelog string) (string, error) {
		return cut(changelog, r.version, r.date)
	}); err != nil {
		return err
	}
	rootModule, err := readModule(r.root, ".")
	if err != nil {
		return err
	}
	if len(rootModule.Replace) > 0 {
		return errors.New("the root go.mod has replace directives: users of a library do not see them")
	}
	lines, err := r.rootSums(rootModule.Module.Path)
	if err != nil {
		return err
	}
	for _, m := range r.nested {
		if err := m.publishable(r.root, rootModule.Module.Path, r.version, lines); err != nil {
			return err
		}
	}
	return nil
}

// rootSums returns the checksums of the root module as it is in the working tree. The nested
// modules are not part of it, so their go.mod and go.sum can hold these checksums in the same
// commit.
func (r *release) rootSums(path string) (string, error) {
	if _, err := git.Run(r.root, "add", "--update"); err != nil {
		return "", err
	}
	tree, err := git.Run(r.root, "write-tree")
	if err != nil {
		return "", err
	}
	files, err := git.Archive(r.root, tree)
	if err != nil {
		return "", err
	}
	return sums(path, r.version, files), nil
}

func (r *release) tags() []string {
	tags := []string{r.version.String()}
	for _, m := range r.nested {
		tags = append(tags, m.tag(r.version))
	}
	return tags
}

// continueDevelopment restores the replace directives of the nested modules.
func (r *release) continueDevelopment() error {
	if len(r.nested) == 0 {
		return nil
	}
	restore := []string{"checkout", "--quiet", r.head, "--"}
	for _, m := range r.nested {
		restore = append(restore, m.dir+"/go.mod", m.dir+"/go.sum")
	}
	if _, err := git.Run(r.root, restore...); err != nil {
		return err
	}
	_, err := git.Run(r.root, "commit", "--all", "--quiet", "--message", "Continue development after "+r.version.String())
	return err
}

// undo resets the clone to the commit and the clean working tree that it had before, and deletes
// the new tags.
func (r *release) undo() error {
	_, err := git.Run(r.root, "reset", "--quiet", "--hard", r.head)
	for _, tag := range r.tags() {
		if _, missing := git.Run(r.root, "rev-parse", "--verify", "--quiet", "refs/tags/"+tag); missing == nil {
			_, failed := git.Run(r.root, "tag", "--delete", tag)
			err = errors.Join(err, failed)
		}
	}
	return err
}

// nextSteps tells the user how to publish the release, and how to undo it.
func (r *release) nextSteps(tags []string) string {
	all := strings.Join(tags, " ")
	return fmt.Sprintf(`%[1]s is prepared on branch %[2]s; nothing is pushed. Next:
  1. review:   git show %[1]s
  2. publish:  git push --atomic origin %[2]s %[3]s
  3. check, in an empty directory:
%[5]sTo undo it before it is pushed:
  git tag --delete %[3]s && git reset --hard %.12[4]s
`, r.version, r.branch, all, r.head, r.installations())
}

func (r *release) installations() string {
	var b strings.Builder
	for _, m := range r.nested {
		fmt.Fprintf(&b, "       go %s %s@%s\n", m.command(), m.Module.Path, r.version)
	}
	return b.String()
}
