//go:build !race

package main_test

// smokeClients are the clients of the smoke run: all of them.
var smokeClients []string
