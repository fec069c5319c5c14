package repo_test

import (
	"bytes"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"testing"
)

// outside are examples that users copy into their own module. They use nothing internal.
var outside = []string{"mcpclient/example_interceptors_test.go", "examples/agent/main.go"}

func TestExamplesCompileInAnotherModule(t *testing.T) {
	top, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	module, err := os.ReadFile(filepath.Join(top, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	sums, err := os.ReadFile(filepath.Join(top, "go.sum"))
	if err != nil {
		t.Fatal(err)
	}
	const hawser = "github.com/hawser-mcp/hawser"
	module = bytes.Replace(module, []byte("module "+hawser), []byte("module example.com/agent"), 1)
	module = append(module, "\nrequire "+hawser+" v0.0.0\n\nreplace "+hawser+" => "+top+"\n"...)
	for _, name := range outside {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			source, err := os.ReadFile(filepath.Join(top, name))
			if err != nil {
				t.Fatal(err)
			}
			for file, content := range map[string][]byte{"go.mod": module, "go.sum": sums, path.Base(name): source} {
				if err := os.WriteFile(filepath.Join(dir, file), content, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			vet := exec.CommandContext(t.Context(), "go", "vet", ".")
			vet.Dir, vet.Env = dir, append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=mod")
			if output, err := vet.CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, output)
			}
		})
	}
}
