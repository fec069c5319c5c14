package main

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/hawser-mcp/hawser/mcpclient"
)

// describe returns the text of a content block, or a short description if the block is not text. If
// --save is set, it saves binary content to a file.
func (a *app) describe(block mcp.Content) string {
	switch c := block.(type) {
	case mcp.TextContent:
		return c.Text
	case mcp.ImageContent:
		return a.binary("image", c.MIMEType, c.Data)
	case mcp.AudioContent:
		return a.binary("audio", c.MIMEType, c.Data)
	case mcp.ResourceLink:
		return strings.TrimSpace(fmt.Sprintf("[link %s %s] %s", oneLine(c.URI, 500), oneLine(c.MIMEType, 80), oneLine(c.Name, 200)))
	case mcp.EmbeddedResource:
		return a.describeContents(c.Resource)
	case mcpclient.UnknownContent:
		if c.Err != nil {
			return fmt.Sprintf("[invalid %s: %s]", oneLine(c.Type, 60), oneLine(c.Err.Error(), 200))
		}
		return fmt.Sprintf("[content of unknown type %q, %s]", oneLine(c.Type, 60), size(len(c.Raw)))
	}
	return fmt.Sprintf("[%T]", block)
}

// describeContents does the same as describe for the contents of a resource.
func (a *app) describeContents(contents mcp.ResourceContents) string {
	switch c := contents.(type) {
	case mcp.TextResourceContents:
		return c.Text
	case mcp.BlobResourceContents:
		return a.binary(oneLine(c.URI, 500), c.MIMEType, c.Blob)
	case mcpclient.UnknownResourceContents:
		return fmt.Sprintf("[invalid contents: %s]", oneLine(c.Err.Error(), 200))
	}
	return fmt.Sprintf("[%T]", contents)
}

// binary returns a description of binary content. If --save is set, it saves the content, and the
// description includes the file name.
func (a *app) binary(what, mime, encoded string) string {
	data, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return fmt.Sprintf("[%s %s: not base64]", what, oneLine(mime, 80))
	}
	text := fmt.Sprintf("[%s %s, %s]", what, oneLine(mime, 80), size(len(data)))
	if a.flags.save == "" {
		return text
	}
	name, err := save(a.flags.save, mime, data)
	if err == nil {
		return text + " saved to " + name
	}
	f := &failure{code: exitOutput, cause: "cannot save: " + err.Error()}
	if name, err = a.keep(mime, data); err == nil {
		f.hint = "the content is in " + a.spare
		text += " saved to " + name
	} else {
		f.hint = "the content is printed in base64"
		text += " " + encoded
	}
	a.fail(f)
	return text
}

// keep saves content in the run's temporary directory, which it creates on first use.
func (a *app) keep(mime string, data []byte) (name string, err error) {
	if a.spare == "" {
		if a.spare, err = os.MkdirTemp("", "hawser-"); err != nil {
			return "", err
		}
	}
	return save(a.spare, mime, data)
}

// checkSave returns an error if --save does not name a usable directory.
func (a *app) checkSave() error {
	dir := a.flags.save
	if dir == "" {
		return nil
	}
	const hint = "--save takes a directory that exists and that you can write to"
	info, err := os.Stat(dir)
	if err != nil {
		return usageError(hint, "cannot save: %v", err)
	}
	if !info.IsDir() {
		return usageError(hint, "cannot save: %s is not a directory", dir)
	}
	probe, err := os.CreateTemp(dir, ".hawser-*")
	if err != nil {
		return usageError(hint, "cannot save: %v", err)
	}
	_, full := probe.WriteString("x")
	if err := errors.Join(full, probe.Close(), os.Remove(probe.Name())); err != nil {
		return usageError(hint, "cannot save: %v", err)
	}
	return nil
}

// saveBeside saves binary content if --save is set. It prints the file names on stderr, because
// stdout contains JSON.
func (a *app) saveBeside(blocks ...mcp.Content) {
	if a.flags.save == "" {
		return
	}
	for _, block := range blocks {
		switch c := block.(type) {
		case mcp.ImageContent, mcp.AudioContent:
			a.con.line(a.describe(c))
		case mcp.EmbeddedResource:
			if _, binary := c.Resource.(mcp.BlobResourceContents); binary {
				a.con.line(a.describe(c))
			}
		}
	}
}

// fail records an error after which output continues.
func (a *app) fail(err error) {
	if a.out.err == nil {
		a.out.late = err
	}
}

// extensions maps common media types to file extensions. The server does not choose file names.
var extensions = map[string]string{
	"image/png": ".png", "image/jpeg": ".jpg", "image/gif": ".gif", "image/webp": ".webp", "image/svg+xml": ".svg",
	"audio/wav": ".wav", "audio/mpeg": ".mp3", "audio/ogg": ".ogg", "application/pdf": ".pdf", "application/zip": ".zip",
	"application/json": ".json", "text/plain": ".txt", "text/html": ".html", "text/csv": ".csv",
}

// maxSaved is the number of file names that save tries.
const maxSaved = 10_000

// save writes data to a new file in dir and returns the file's name. It never overwrites a file.
func save(dir, mime string, data []byte) (string, error) {
	kind, _, _ := strings.Cut(mime, ";")
	extension, ok := extensions[strings.ToLower(strings.TrimSpace(kind))]
	if !ok {
		extension = ".bin"
	}
	for i := 1; i <= maxSaved; i++ {
		name := filepath.Join(dir, "content-"+strconv.Itoa(i)+extension)
		file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // the user named the directory, and the rest is ours
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return "", err
		}
		_, err = file.Write(data)
		return name, errors.Join(err, file.Close())
	}
	return "", fmt.Errorf("no free file name in %s", dir)
}

// size formats n, a number of bytes.
func size(n int) string {
	switch {
	case n < 1000:
		return fmt.Sprintf("%d bytes", n)
	case n < 1_000_000:
		return fmt.Sprintf("%.1f kB", float64(n)/1e3)
	}
	return fmt.Sprintf("%.1f MB", float64(n)/1e6)
}

// resultText returns a tool's result as text. It adds the structured content if no content block is
// text.
func (a *app) resultText(res *mcpclient.CallToolResult) string {
	var parts []string
	hasText := false
	for _, block := range res.Content {
		parts = append(parts, a.describe(block))
		_, isText := block.(mcp.TextContent)
		hasText = hasText || isText
	}
	if structured := res.StructuredContent(); structured != nil && !hasText {
		parts = append(parts, prettyJSON(structured))
	}
	return strings.Join(parts, "\n")
}
