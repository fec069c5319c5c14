package main

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
)

// version holds MAJOR, MINOR and PATCH.
type version [3]int

var versionText = regexp.MustCompile(`^v(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})$`)

// parseVersion parses a version such as v1.2.3. It rejects pre-releases.
func parseVersion(text string) (version, error) {
	parts := versionText.FindStringSubmatch(text)
	if parts == nil {
		return version{}, fmt.Errorf("invalid version %q: expected one like v1.2.3", text)
	}
	var v version
	for i := range v {
		v[i], _ = strconv.Atoi(parts[i+1]) // cannot fail: at most nine digits
	}
	if v[0] > 1 {
		return version{}, fmt.Errorf("version %s: from v2 on, the module path must end in /v%d", text, v[0])
	}
	return v, nil
}

// String returns the version with its "v".
func (v version) String() string { return "v" + v.bare() }

// bare returns the version without its "v".
func (v version) bare() string { return fmt.Sprintf("%d.%d.%d", v[0], v[1], v[2]) }

func (v version) compare(other version) int { return slices.Compare(v[:], other[:]) }
