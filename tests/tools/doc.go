// Package tools pins the programs that CI runs on the sources, golangci-lint and actionlint. It is
// a separate module because golangci-lint alone needs 200 modules, which must not appear in the
// root go.mod.
package tools
