package mcpconfig

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"reflect"
	"slices"
	"strconv"

	"github.com/hawser-mcp/hawser/internal/redact"
)

const (
	maxServers = 1_000 // entries of all files
	maxName    = 256   // bytes of the name of an entry
)

// Loader reads configuration files. The zero value takes variables from the environment of the
// process, asks nobody and runs nothing. A Loader may be used concurrently if its functions may. It
// prints without the values of Vars.
type Loader struct {
	// Env looks up a variable; nil is [os.LookupEnv]. A variable with an empty value counts as
	// unset.
	Env func(name string) (value string, ok bool)
	// Input answers ${input:id} of VS Code, usually by asking the user. It runs at most once for
	// each input of a file, and not for entries that are disabled. If it is nil or fails, the
	// entries that need the input have a fatal [Problem], which does not show the error.
	Input func(ctx context.Context, in Input) (string, error)
	// Helper runs the command of headersHelper, a key of Claude Code, for the entry with this name
	// and URL, and returns its headers. They replace those of the entry with the same names. Do not
	// run commands of files that you do not trust. If it is nil or fails, the entry has a fatal
	// Problem, which does not show the error.
	Helper func(ctx context.Context, command, server, url string) (http.Header, error)
	// Vars are further variables, such as "workspaceFolder" for ${workspaceFolder}. They come
	// before those of the environment. Those that LibreChat writes as {{NAME}} are only here.
	Vars map[string]string
}

// Input is a value that a file of VS Code leaves to the user. It prints without Default and
// Options.
type Input struct {
	// ID is the name of the input in the file.
	ID string
	// Type is "promptString", "pickString" or "command".
	Type string
	// Description says what to enter, and Default what is proposed. Options are the values to
	// choose from, nil if any text is allowed.
	Description, Default string
	Options              []string
	// Password says that the value is secret and must not be shown while the user enters it.
	Password bool
}

// FileError is a file that cannot be read, or whose content is not a JSON object.
type FileError struct {
	// File is the name of the file, "" for [Loader.LoadMap].
	File string
	// Line and Column are where the error is, from 1, with columns in bytes. They are 0 if unknown.
	Line, Column int
	// Err is the cause. It does not quote the content of the file.
	Err error
}

// Error returns the position and the cause: "mcp.json:3:7: invalid character ']'".
func (e *FileError) Error() string {
	at := cmp.Or(e.File, "configuration")
	if e.Line > 0 {
		at += fmt.Sprintf(":%d", e.Line)
	}
	if e.Column > 0 {
		at += fmt.Sprintf(":%d", e.Column)
	}
	return at + ": " + e.Err.Error()
}

// Unwrap returns the cause.
func (e *FileError) Unwrap() error { return e.Err }

// Load reads files, such as .mcp.json or .vscode/mcp.json, in this order. If several have an entry
// with the same name, the first counts, as a whole, even if it has a fatal Problem. The same holds
// for executors.
//
// Load fails with a *[FileError] if a file cannot be read or is not a JSON object, and with the
// error of ctx if that ends. What is wrong with an entry is a [Problem], and does not affect other
// entries. ctx bounds Input and Helper; reading the files does not regard it.
func (l *Loader) Load(ctx context.Context, files ...string) (*Config, error) {
	var parsed []source
	for _, file := range files {
		text, err := readFile(file)
		if err != nil {
			return nil, err
		}
		root, err := parse(file, text)
		if err != nil {
			return nil, err
		}
		parsed = append(parsed, source{file, root})
	}
	return l.load(ctx, parsed...)
}

// Parse does the same as [Loader.Load] for the content of one file. The name is for problems and
// errors.
func (l *Loader) Parse(ctx context.Context, file string, text []byte) (*Config, error) {
	root, err := parse(file, text)
	if err != nil {
		return nil, err
	}
	return l.load(ctx, source{file, root})
}

// LoadMap does the same as [Loader.Load] for a file that the caller has decoded, such as the TOML of
// codex or the YAML of LibreChat. The map may contain what the usual decoders return: maps with keys
// that are strings, slices, strings, booleans, numbers and nil. Its problems have neither a file nor
// lines.
func (l *Loader) LoadMap(ctx context.Context, m map[string]any) (*Config, error) {
	values := 0
	root, err := fromGo(reflect.ValueOf(m), 0, &values)
	if err != nil {
		return nil, &FileError{Err: err}
	}
	return l.load(ctx, source{"", root})
}

func readFile(name string) ([]byte, error) {
	fail := func(err error) ([]byte, error) {
		if pathError := (*fs.PathError)(nil); errors.As(err, &pathError) {
			err = pathError.Err // its text repeats the name
		}
		return nil, &FileError{File: name, Err: err}
	}
	f, err := os.Open(name)
	if err != nil {
		return fail(err)
	}
	defer f.Close()
	text, err := readAll(f)
	if err != nil {
		return fail(err)
	}
	return text, nil
}

// source is a parsed file.
type source struct {
	file string
	root value
}

// load merges files into one configuration.
func (l *Loader) load(ctx context.Context, sources ...source) (*Config, error) {
	m := &merger{cfg: &Config{Executors: map[string]Executor{}}, taken: map[string]string{}, executors: map[string]bool{}}
	for _, s := range sources {
		f, err := newFile(ctx, l, s, m)
		if err != nil {
			return nil, err
		}
		m.files = append(m.files, f)
		f.readExecutors()
	}
	for _, f := range m.files {
		if err := f.readEntries(); err != nil {
			return nil, err
		}
		m.cfg.Problems = append(m.cfg.Problems, f.sorted()...)
	}
	slices.SortFunc(m.cfg.Servers, func(a, b Server) int { return cmp.Compare(a.Name, b.Name) })
	return m.cfg, nil
}

// merger collects what several files say.
type merger struct {
	cfg       *Config
	files     []*file
	taken     map[string]string // entry names, with the place of the entry that counts
	executors map[string]bool   // names of declared executors; false if one is unusable
}

// file is one file while it is read.
type file struct {
	*merger

	ctx      context.Context
	loader   *Loader
	name     string
	root     *object
	layout   layout
	inputs   map[string]*input
	problems []Problem
}

func newFile(ctx context.Context, l *Loader, s source, m *merger) (*file, error) {
	root, ok := s.root.data.(*object)
	if !ok {
		return nil, &FileError{File: s.file, Line: s.root.line, Err: fmt.Errorf("expected a JSON object, got %s", s.root.kind())}
	}
	f := &file{merger: m, ctx: ctx, loader: l, name: s.file, root: root, inputs: map[string]*input{}}
	var err error
	if f.layout, err = f.findLayout(); err != nil {
		return nil, err
	}
	f.readInputs()
	return f, nil
}

// report adds a problem. Names come from the file, so it makes them printable.
func (f *file) report(p Problem) {
	p.File = f.name
	p.Server, p.Key = redact.Line(p.Server, maxName), redact.Line(p.Key, maxName)
	f.problems = append(f.problems, p)
}

// sorted returns the problems by line.
func (f *file) sorted() []Problem {
	slices.SortStableFunc(f.problems, func(a, b Problem) int { return cmp.Compare(a.Line, b.Line) })
	return f.problems
}

// place names a line for another problem.
func (f *file) place(line int) string {
	if line == 0 {
		return cmp.Or(f.name, "this configuration")
	}
	return cmp.Or(f.name, "line") + ":" + strconv.Itoa(line)
}

// readEntries reads the entries whose names no earlier entry has.
func (f *file) readEntries() error {
	for _, m := range f.layout.entries {
		if err := f.ctx.Err(); err != nil {
			return err
		}
		if len(f.taken) == maxServers {
			return &FileError{File: f.name, Line: m.value.line, Err: fmt.Errorf("more than %d servers, the limit", maxServers)}
		}
		if place, ok := f.taken[m.key]; ok {
			f.report(Problem{Line: m.value.line, Server: m.key, Reason: "ignored: " + place + " already has a server with this name; rename one of them"})
			continue
		}
		f.taken[m.key] = f.place(m.value.line)
		if s, ok := f.entry(m); ok {
			f.cfg.Servers = append(f.cfg.Servers, s)
		}
	}
	return f.ctx.Err()
}

// names returns the names of an object's members for an error, sorted.
func names[V any](m map[string]V) string {
	if len(m) == 0 {
		return "none"
	}
	return redact.Line(fmt.Sprintf("%q", slices.Sorted(maps.Keys(m))), maxName)
}
