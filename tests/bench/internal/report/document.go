package report

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// The lines between which a document has the report.
const (
	begin = "<!-- begin of what make bench writes -->\n"
	end   = "<!-- end of what make bench writes -->\n"
)

// Page is the document that has the report, in the directory of documents.
const Page = "performance.md"

// Write writes the report and the plots into the directory of documents. It keeps what the document
// has around the report, and removes plots of an earlier run.
func (r *Results) Write(dir, machine string) error {
	name := filepath.Join(dir, Page)
	old, err := os.ReadFile(name) //nolint:gosec // the user names the directory
	if err != nil {
		return err
	}
	before, rest, ok := strings.Cut(string(old), begin)
	_, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		return fmt.Errorf("%s: expected the lines %q and %q", name, begin, end)
	}
	stale, err := filepath.Glob(filepath.Join(dir, plotPrefix+"*.svg"))
	if err != nil {
		return err
	}
	for _, plot := range stale {
		if err := os.Remove(plot); err != nil {
			return err
		}
	}
	plots, err := r.plots(dir)
	if err != nil {
		return err
	}
	text := before + begin + "\n" + r.Markdown(machine) + plots + end + after
	return os.WriteFile(name, []byte(text), 0o644) //nolint:gosec // a document of the repository
}
