package report

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strings"
	"time"
)

// peers are the modules whose versions the report names.
var peers = []string{"github.com/modelcontextprotocol/go-sdk", "github.com/mark3labs/mcp-go"}

// Machine describes the machine, the date, and the versions of what is measured, on one line.
func Machine(ctx context.Context) string {
	parts := []string{
		time.Now().UTC().Format("2006-01-02"), runtime.Version(), runtime.GOOS + "/" + runtime.GOARCH,
		fmt.Sprintf("%d CPUs%s", runtime.NumCPU(), processor()), "Hawser " + revision(ctx),
	}
	info, _ := debug.ReadBuildInfo()
	for _, path := range peers {
		if info == nil {
			break
		}
		for _, m := range info.Deps {
			if m.Path == path {
				parts = append(parts, path[strings.LastIndexByte(path, '/')+1:]+" "+m.Version)
			}
		}
	}
	return strings.Join(parts, ", ")
}

// processor returns the model of the processor in parentheses, "" if it is unknown.
func processor() string {
	f, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return ""
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if key, value, ok := strings.Cut(lines.Text(), ":"); ok && strings.TrimSpace(key) == "model name" {
			return " (" + strings.TrimSpace(value) + ")"
		}
	}
	return ""
}

// revision returns the commit of the working tree, and whether it was changed.
func revision(ctx context.Context) string {
	commit, err := exec.CommandContext(ctx, "git", "rev-parse", "--short", "HEAD").Output()
	if err != nil {
		return "of an unknown commit"
	}
	name := "at commit " + strings.TrimSpace(string(commit))
	if changes, err := exec.CommandContext(ctx, "git", "status", "--porcelain").Output(); err != nil || len(changes) > 0 {
		name += " with changes"
	}
	return name
}
