package mcpclient

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

// maxRoots bounds what a handler may return.
const maxRoots = 10_000

// FileRoot returns the root of a directory or file of this machine, with a file
// URI (RFC 8089) and the last element of its path as its name. A relative path is
// made absolute; symbolic links are kept. A path at which there is nothing is an
// error that wraps the reason: most often it is misspelt. So is one on
// another machine (Windows shares), and one with control characters.
func FileRoot(path string) (mcp.Root, error) {
	if path == "" { // the working directory, to filepath: never meant
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

// pathRoot is the root of an absolute, clean path of this kind of system.
func pathRoot(abs string, windows bool) (mcp.Root, error) {
	if windows {
		abs = strings.ReplaceAll(abs, `\`, "/")
		if len(abs) < 3 || !('a' <= abs[0]|0x20 && abs[0]|0x20 <= 'z') || abs[1:3] != ":/" {
			return mcp.Root{}, errors.New("root: not a path with a drive of this machine")
		}
		abs = "/" + abs
	}
	name := strings.ToValidUTF8(path.Base(abs), "\ufffd")
	root := mcp.Root{URI: (&url.URL{Scheme: "file", Path: abs}).String(), Name: name}
	if err := checkRoot(root.URI); err != nil {
		return mcp.Root{}, fmt.Errorf("root: %w", err)
	}
	return root, nil
}

// checkRoots checks what a handler returned before a server sees it
// (2026-07-28, "Roots": URIs must be validated to prevent path traversal).
func checkRoots(roots []mcp.Root) error {
	if len(roots) > maxRoots {
		return fmt.Errorf("more than %d roots", maxRoots)
	}
	for i := range roots {
		if err := checkRoot(roots[i].URI); err != nil {
			return fmt.Errorf("roots[%d]: %w", i, err)
		}
	}
	return nil
}

var (
	errRootScheme  = errors.New("the URI must begin with file://")
	errRootEncoded = errors.New("the URI has characters that must be percent-encoded: FileRoot does that")
	errRootHost    = errors.New("the URI is of another machine")
	errRootTail    = errors.New("the URI has a query or a fragment: in a path, ? and # must be percent-encoded")
	errRootPath    = errors.New("the path must be absolute, without empty elements and without . or .. in it")
	errRootControl = errors.New("the path has control characters")
)

// checkRoot checks the URI of a root. No error repeats the path, which may be private.
func checkRoot(uri string) error {
	const scheme = "file://"
	if len(uri) < len(scheme) || !strings.EqualFold(uri[:len(scheme)], scheme) {
		return errRootScheme
	}
	for i := range len(uri) {
		if uri[i] <= ' ' || uri[i] > '~' {
			return errRootEncoded
		}
	}
	u, err := url.Parse(uri)
	if err != nil {
		if parse := (*url.Error)(nil); errors.As(err, &parse) {
			err = parse.Err
		}
		return fmt.Errorf("the URI does not parse: %w", err)
	}
	switch {
	case u.User != nil, u.Host != "" && !strings.EqualFold(u.Host, "localhost"):
		return errRootHost
	case u.RawQuery != "", u.ForceQuery, strings.Contains(uri, "#"):
		return errRootTail
	}
	return checkRootPath(u.Path)
}

// checkRootPath checks a path after its decoding, in which an encoded .. or / is one like any other.
func checkRootPath(p string) error {
	if strings.ContainsFunc(p, unicode.IsControl) {
		return errRootControl
	}
	if clean := path.Clean(p); !strings.HasPrefix(p, "/") || p != clean && (clean == "/" || p != clean+"/") {
		return errRootPath
	}
	for element := range strings.FieldsFuncSeq(p, func(c rune) bool { return c == '/' || c == '\\' }) { // \ is one on Windows
		if element == ".." {
			return errRootPath
		}
	}
	return nil
}
