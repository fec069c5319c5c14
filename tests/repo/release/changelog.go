package main

import (
	"errors"
	"fmt"
	"strings"
)

const unreleased = "## [Unreleased]\n"

// cut returns the changelog with the unreleased section renamed to the version and date of the
// release. It adds a new, empty unreleased section above.
func cut(changelog string, v version, date string) (string, error) {
	before, rest, ok := strings.Cut(changelog, "\n"+unreleased)
	if !ok {
		return "", fmt.Errorf("CHANGELOG.md has no line %q", strings.TrimSpace(unreleased))
	}
	if strings.Contains(rest, "\n"+unreleased) {
		return "", errors.New("CHANGELOG.md has two unreleased sections")
	}
	if strings.Contains(changelog, fmt.Sprintf("\n## [%s]", v)) {
		return "", fmt.Errorf("CHANGELOG.md already has a section [%s]", v)
	}
	section, _, _ := strings.Cut(rest, "\n## ")
	if !strings.Contains("\n"+section, "\n- ") {
		return "", errors.New("CHANGELOG.md has nothing under [Unreleased]: say what changed, then release")
	}
	return fmt.Sprintf("%s\n%s\n## [%s] - %s\n%s", before, unreleased, v, date, rest), nil
}
