package main

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/tests/repo/git"
)

// sources are the files of a repository with a root module, a nested program that users install, a
// nested library, and a module for tests.
var sources = map[string]string{
	".ci/modules":      "# a comment\n.\nexamples/tool\nlib\ntests/bench\n",
	"go.mod":           "module example.com/m\n\ngo 1.25\n",
	"m.go":             "package m\n",
	versionFile:        "package release\n\nconst Version = \"0.1.0\"\n",
	"CHANGELOG.md":     "# Changelog\n\n## [Unreleased]\n\n### Added\n\n- Something.\n",
	"examples/tool/go": "a file\n",
	"examples/tool/go.mod": `module example.com/m/examples/tool

go 1.25

require (
	example.com/a v1.0.0
	example.com/m v0.0.0
)

// The tree around it.
replace example.com/m => ../..
`,
	"examples/tool/go.sum": "example.com/a v1.0.0 h1:a\nexample.com/z v1.0.0 h1:z\n",
	"lib/go.mod":           "module example.com/m/lib\n\ngo 1.25\n\nrequire example.com/m v0.0.0\n\nreplace example.com/m => ..\n",
	"lib/go.sum":           "",
	"tests/bench/go.mod":   "module example.com/m/tests/bench\n\nrequire example.com/m v0.0.0\n\nreplace example.com/m => ../..\n",
}

// clone returns a clean clone of a repository with the files in sources and in changes.
func clone(t *testing.T, changes map[string]string) string {
	t.Helper()
	for name, value := range map[string]string{
		"GIT_CONFIG_GLOBAL": os.DevNull, "GIT_AUTHOR_NAME": "t", "GIT_AUTHOR_EMAIL": "t@example.com",
		"GIT_COMMITTER_NAME": "t", "GIT_COMMITTER_EMAIL": "t@example.com",
	} {
		t.Setenv(name, value)
	}
	dir := t.TempDir()
	files := maps.Clone(sources)
	maps.Copy(files, changes)
	for name, text := range files {
		write(t, dir, name, text)
	}
	inGit(t, dir, "init", "--quiet", "--initial-branch=main")
	inGit(t, dir, "add", ".")
	inGit(t, dir, "commit", "--quiet", "--message", "one")
	return dir
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	file := filepath.Join(dir, filepath.FromSlash(name))
	require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o700))
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
}

func inGit(t *testing.T, dir string, args ...string) string {
	t.Helper()
	output, err := git.Run(dir, args...)
	require.NoError(t, err)
	return output
}

func at(t *testing.T, dir, rev, name string) string {
	t.Helper()
	files, err := git.Archive(dir, rev)
	require.NoError(t, err)
	return string(files[name])
}

var now = time.Date(2030, 1, 2, 23, 0, 0, 0, time.FixedZone("", -3600))

func TestRelease(t *testing.T) {
	dir := clone(t, nil)
	remote := t.TempDir()
	inGit(t, remote, "init", "--quiet", "--bare")
	inGit(t, dir, "remote", "add", "origin", remote)
	before, err := git.Archive(dir, "HEAD")
	require.NoError(t, err)

	var out strings.Builder
	require.NoError(t, run(&out, dir, []string{"v0.2.0"}, now))

	require.Equal(t, "examples/tool/v0.2.0\nlib/v0.2.0\nv0.2.0", inGit(t, dir, "tag"))
	require.Equal(t, inGit(t, dir, "rev-parse", "v0.2.0^{commit}"), inGit(t, dir, "rev-parse", "examples/tool/v0.2.0^{commit}"))
	require.Equal(t, "Continue development after v0.2.0\nRelease v0.2.0\none", inGit(t, dir, "log", "--format=%s"))
	require.Empty(t, inGit(t, dir, "status", "--porcelain"))
	require.Empty(t, inGit(t, remote, "for-each-ref"), "nothing is pushed")
	require.Contains(t, out.String(), "git push --atomic origin main v0.2.0 examples/tool/v0.2.0 lib/v0.2.0\n")
	require.Contains(t, out.String(), "go install example.com/m/examples/tool@v0.2.0\n")
	require.Contains(t, out.String(), "go get example.com/m/lib@v0.2.0\n")
	require.Contains(t, out.String(), "git reset --hard "+inGit(t, dir, "rev-parse", "HEAD~2")[:12]+"\n")

	require.Contains(t, at(t, dir, "v0.2.0", versionFile), "const Version = \"0.2.0\"\n")
	require.Equal(t, "# Changelog\n\n## [Unreleased]\n\n## [v0.2.0] - 2030-01-03\n\n### Added\n\n- Something.\n", at(t, dir, "v0.2.0", "CHANGELOG.md"))
	require.Equal(t, "module example.com/m/examples/tool\n\ngo 1.25\n\nrequire (\n\texample.com/a v1.0.0\n\texample.com/m v0.2.0\n)\n",
		at(t, dir, "v0.2.0", "examples/tool/go.mod"))
	released, err := git.Archive(dir, "v0.2.0")
	require.NoError(t, err)
	lines := sums("example.com/m", version{0, 2, 0}, released)
	require.Equal(t, "example.com/a v1.0.0 h1:a\n"+lines+"example.com/z v1.0.0 h1:z\n", at(t, dir, "v0.2.0", "examples/tool/go.sum"))

	require.Equal(t, "module example.com/m/lib\n\ngo 1.25\n\nrequire example.com/m v0.2.0\n", at(t, dir, "v0.2.0", "lib/go.mod"))
	require.Equal(t, lines, at(t, dir, "v0.2.0", "lib/go.sum"))

	after, err := git.Archive(dir, "HEAD")
	require.NoError(t, err)
	for name := range sources {
		if name == "CHANGELOG.md" || name == versionFile {
			require.Equal(t, string(released[name]), string(after[name]), name)
		} else {
			require.Equal(t, string(before[name]), string(after[name]), name)
		}
	}
	require.Equal(t, string(before["tests/bench/go.mod"]), string(released["tests/bench/go.mod"]))

	require.ErrorContains(t, run(&out, dir, []string{"v0.3.0"}, now), "nothing under [Unreleased]")
}

// The first release may have the version that is already in the sources.
func TestFirstRelease(t *testing.T) {
	dir := clone(t, nil)
	var out strings.Builder
	require.NoError(t, run(&out, dir, []string{"v0.1.0"}, now))
	require.Equal(t, "examples/tool/v0.1.0\nlib/v0.1.0\nv0.1.0", inGit(t, dir, "tag"))
}

func TestRefusals(t *testing.T) {
	const goMod = "examples/tool/go.mod"
	for name, c := range map[string]struct {
		version string
		changes map[string]string
		tags    []string
		text    string
	}{
		"no version":       {"", nil, nil, "make release VERSION=v1.2.3"},
		"no v":             {"0.2.0", nil, nil, "invalid version"},
		"two numbers":      {"v0.2", nil, nil, "invalid version"},
		"leading zero":     {"v0.02.0", nil, nil, "invalid version"},
		"pre-release":      {"v0.2.0-rc.1", nil, nil, "invalid version"},
		"too large":        {"v0.2.12345678901234567890", nil, nil, "invalid version"},
		"second major":     {"v2.0.0", nil, nil, "must end in /v2"},
		"older sources":    {"v0.0.9", nil, nil, "older than v0.1.0"},
		"older tag":        {"v0.2.0", nil, []string{"v0.10.0", "v0.1.0"}, "not newer than v0.10.0"},
		"same tag":         {"v0.2.0", nil, []string{"v0.2.0"}, "already tagged: v0.2.0"},
		"nested tag":       {"v0.2.0", nil, []string{"examples/tool/v0.2.0"}, "already tagged: examples/tool/v0.2.0"},
		"no section":       {"v0.2.0", map[string]string{"CHANGELOG.md": "# Changelog\n\n- x\n"}, nil, "no line"},
		"empty section":    {"v0.2.0", map[string]string{"CHANGELOG.md": "#\n\n## [Unreleased]\n\n### Added\n\n## [v0.1.0]\n\n- x\n"}, nil, "nothing under [Unreleased]"},
		"two sections":     {"v0.2.0", map[string]string{"CHANGELOG.md": "#\n\n## [Unreleased]\n\n- x\n\n## [Unreleased]\n"}, nil, "two unreleased sections"},
		"section is there": {"v0.2.0", map[string]string{"CHANGELOG.md": "#\n\n## [Unreleased]\n\n- x\n\n## [v0.2.0] - then\n"}, nil, "already has a section"},
		"no version line":  {"v0.2.0", map[string]string{versionFile: "package release\n"}, nil, "no line like"},
		"other replace":    {"v0.2.0", map[string]string{goMod: "module example.com/m/t\n\nreplace example.com/a => ../a\n"}, nil, "users cannot fetch it"},
		"root replace":     {"v0.2.0", map[string]string{"go.mod": "module example.com/m\n\nreplace example.com/a => ./a\n"}, nil, "root go.mod has replace"},
		"unreadable":       {"v0.2.0", map[string]string{goMod: "modul\n"}, nil, "go mod edit"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := clone(t, c.changes)
			for _, tag := range c.tags {
				inGit(t, dir, "tag", tag)
			}
			requireRefused(t, dir, c.version, c.text)
		})
	}
}

// requireRefused checks that a release fails with this text and leaves the clone unchanged.
func requireRefused(t *testing.T, dir, v, text string) {
	t.Helper()
	state := func() string {
		return inGit(t, dir, "for-each-ref") + inGit(t, dir, "rev-parse", "HEAD") + inGit(t, dir, "status", "--porcelain")
	}
	before := state()
	var out strings.Builder
	require.ErrorContains(t, run(&out, dir, []string{v}, now), text)
	require.Empty(t, out.String())
	require.Equal(t, before, state())
}

func TestRefusesChangedTree(t *testing.T) {
	for _, name := range []string{"m.go", "new.go"} {
		dir := clone(t, nil)
		write(t, dir, name, "package m // changed\n")
		requireRefused(t, dir, "v0.2.0", name)
	}
}

func TestRefusesDetachedHead(t *testing.T) {
	dir := clone(t, nil)
	inGit(t, dir, "checkout", "--quiet", "--detach")
	requireRefused(t, dir, "v0.2.0", "no branch")
}

// If a git hook refuses the release commit, or the tag that is created first, the release is
// undone.
func TestUndo(t *testing.T) {
	for _, hook := range []string{"pre-commit", "reference-transaction"} {
		t.Run(hook, func(t *testing.T) {
			dir := clone(t, nil)
			script := filepath.Join(dir, ".git", "hooks", hook)
			text := "#!/bin/sh\nif [ \"$1\" = prepared ] || [ $# = 0 ]; then ! grep -q refs/tags/examples </dev/stdin; fi\n"
			if hook == "pre-commit" {
				text = "#!/bin/sh\nexit 1\n"
			}
			require.NoError(t, os.MkdirAll(filepath.Dir(script), 0o700))
			require.NoError(t, os.WriteFile(script, []byte(text), 0o700))
			requireRefused(t, dir, "v0.2.0", "git")
		})
	}
}

func TestArguments(t *testing.T) {
	var out strings.Builder
	require.ErrorContains(t, run(&out, t.TempDir(), nil, now), "make release VERSION=v1.2.3")
	require.ErrorContains(t, run(&out, t.TempDir(), []string{"v0.2.0"}, now), "git rev-parse")
}
