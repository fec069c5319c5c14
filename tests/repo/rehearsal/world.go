package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/hawser-mcp/hawser/internal/release"
)

const rootModule = "github.com/hawser-mcp/hawser"

// world holds the directories and the environment of a rehearsal.
type world struct {
	root    string // the repository
	version string // version to release, with its "v"
	clone   string // a copy of the repository, where the release is prepared
	proxy   string // a module cache; its download folder serves as the proxy
	user    string // an empty directory where a user begins

	upstream string   // GOPROXY of this machine, behind its module cache
	secrets  []string // addresses that must not be printed
}

func nextVersion() (string, error) {
	var major, minor, patch int
	if _, err := fmt.Sscanf(release.Version, "%d.%d.%d", &major, &minor, &patch); err != nil {
		return "", fmt.Errorf("version %q: %w", release.Version, err)
	}
	return fmt.Sprintf("v%d.%d.0", major, minor+1), nil
}

// readEnvironment gets the module proxy settings of this machine from the go command.
func (w *world) readEnvironment() error {
	output, err := exec.Command("go", "env", "GOPROXY", "GOMODCACHE").Output()
	if err != nil {
		return err
	}
	proxy, cache, _ := strings.Cut(strings.TrimSpace(string(output)), "\n")
	w.secrets = regexp.MustCompile(`[,|]`).Split(proxy, -1)
	w.upstream = fileURL(filepath.Join(cache, "cache", "download")) + "," + proxy
	for _, dir := range []string{w.clone, w.user} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			return err
		}
	}
	return nil
}

// command runs a program in a directory and returns its output. It sets defaults that make go and
// git behave alike on every machine; env overrides them.
func (w *world) command(dir string, env []string, name string, args ...string) (string, error) {
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOTOOLCHAIN=local", "GO111MODULE=", "GOPRIVATE=", "GONOPROXY=", "GONOSUMDB=",
		// With -trimpath, packages of other modules come from the build cache although the module
		// cache is new.
		"GOFLAGS=-trimpath -modcacherw",
		"GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_NOSYSTEM=1", "GIT_AUTHOR_NAME=rehearsal", "GIT_AUTHOR_EMAIL=rehearsal@example.com",
		"GIT_COMMITTER_NAME=rehearsal", "GIT_COMMITTER_EMAIL=rehearsal@example.com")
	cmd.Env = append(cmd.Env, env...)
	output, err := cmd.CombinedOutput()
	text := w.masked(string(output))
	if err != nil {
		return text, fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, text)
	}
	return text, nil
}

// masked returns text with the module proxy addresses of this machine hidden.
func (w *world) masked(text string) string {
	for _, secret := range w.secrets {
		if strings.Contains(secret, "://") {
			text = strings.ReplaceAll(text, strings.TrimSuffix(secret, "/"), "GOPROXY")
		}
	}
	return text
}

func fileURL(path string) string { return "file://" + filepath.ToSlash(path) }

// exitCode returns the exit code in the error of a program that ran. It is 0 if err is not an
// exec.ExitError.
func exitCode(err error) int {
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		return exit.ExitCode()
	}
	return 0
}
