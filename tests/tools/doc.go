// Package tools pins the programs CI runs on the sources, in a module of their
// own: golangci-lint alone needs 200 modules that no user of Hawser should see
// in the root go.mod.
package tools
