package main

import (
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"
)

func TestReadmeHasEverything(t *testing.T) {
	data, err := os.ReadFile("README.md")
	require.NoError(t, err)
	readme := strings.ReplaceAll(string(data), `\|`, "|")
	root := newApp(environment{lookup: os.LookupEnv}).rootCommand()
	has := func(f *pflag.Flag) { require.Contains(t, readme, "--"+f.Name) }
	root.PersistentFlags().VisitAll(has)
	for _, cmd := range root.Commands() {
		require.Contains(t, readme, "| `"+strings.SplitN(cmd.Use, " [--", 2)[0])
		cmd.Flags().VisitAll(has)
	}
	for _, code := range []int{exitOK, exitTool, exitUsage, exitNotRun, exitRefused, exitAuth, exitUnknown, exitOutput, exitCancelled} {
		require.Contains(t, readme, "| "+strconv.Itoa(code)+" |")
		require.Contains(t, exitHelp, "\n  "+strconv.Itoa(code)+" ")
	}
}
