// Package fileroot creates and checks the roots that a client exposes to servers: file URIs (RFC
// 8089).
package fileroot

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"strings"
	"unicode"

	"github.com/mark3labs/mcp-go/mcp"
)

// maxRoots bounds the number of roots in a list.
const maxRoots = 10_000

// New returns the root for an existing file or directory on this machine. The root's name is the
// last element of the path.
func New(path string) (mcp.Root, error) {
	if path == "" { // filepath.Abs would return the working directory
		return mcp.Root{}, errors.New("root: no path")
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return mcp.Root{}, fmt.Errorf("root: %w", err)
	}
	if _, err := os.Stat(abs); err != nil {
		return mcp.Root{}, fmt.Errorf("root: %w", err)
	}
	return pathRoot(abs, runtime.GOOS == "windows")
}

// pathRoot returns the root for an absolute, clean path.
func pathRoot(abs string, windows bool) (mcp.Root, error) {
	if windows {
		abs = strings.ReplaceAll(abs, `\`, "/")
		if len(abs) < 3 || !('a' <= abs[0]|0x20 && abs[0]|0x20 <= 'z') || abs[1:3] != ":/" {
			return mcp.Root{}, errors.New("root: expected a path with a drive letter")
		}
		abs = "/" + abs
	}
	name := strings.ToValidUTF8(path.Base(abs), "\ufffd")
	root := mcp.Root{URI: (&url.URL{Scheme: "file", Path: abs}).String(), Name: name}
	if err := checkURI(root.URI); err != nil {
		return mcp.Root{}, fmt.Errorf("root: %w", err)
	}
	return root, nil
}

// Check checks roots before they are sent to a server (2026-07-28, "Roots": URIs must be validated
// to prevent path traversal). Its errors do not repeat paths, which may be private.
func Check(roots []mcp.Root) error {
	if len(roots) > maxRoots {
		return fmt.Errorf("more than %d roots", maxRoots)
	}
	for i := range roots {
		if err := checkURI(roots[i].URI); err != nil {
			return fmt.Errorf("roots[%d]: %w", i, err)
		}
	}
	return nil
}

var (
	errScheme  = errors.New("the URI must begin with file://")
	errEncoded = errors.New("the URI contains characters that must be percent-encoded, as FileRoot does")
	errHost    = errors.New("the URI names another machine")
	errTail    = errors.New("the URI has a query or fragment; percent-encode ? and # in a path")
	errPath    = errors.New("the path must be absolute, without empty, . and .. elements")
	errControl = errors.New("the path contains control characters")
)

// checkURI checks the URI of a root.
func checkURI(uri string) error {
	const scheme = "file://"
	if len(uri) < len(scheme) || !strings.EqualFold(uri[:len(scheme)], scheme) {
		return errScheme
	}
	for i := range len(uri) {
		if uri[i] <= ' ' || uri[i] > '~' {
			return errEncoded
		}
	}
	u, err := url.Parse(uri)
	if err != nil {
		if parse := (*url.Error)(nil); errors.As(err, &parse) {
			err = parse.Err
		}
		return fmt.Errorf("invalid URI: %w", err)
	}
	switch {
	case u.User != nil, u.Host != "" && !strings.EqualFold(u.Host, "localhost"):
		return errHost
	case u.RawQuery != "", u.ForceQuery, strings.Contains(uri, "#"):
		return errTail
	}
	return checkPath(u.Path)
}

// checkPath checks a path after percent-decoding, because encoded ".." and "/" must be checked too.
func checkPath(p string) error {
	if strings.ContainsFunc(p, unicode.IsControl) {
		return errControl
	}
	if clean := path.Clean(p); !strings.HasPrefix(p, "/") || p != clean && (clean == "/" || p != clean+"/") {
		return errPath
	}
	for element := range strings.FieldsFuncSeq(p, func(c rune) bool { return c == '/' || c == '\\' }) { // Windows also separates elements by \
		if element == ".." {
			return errPath
		}
	}
	return nil
}
