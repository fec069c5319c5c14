//go:build race

package main_test

// smokeClients are the clients of the smoke run. With the race detector, the others would take
// minutes.
var smokeClients = []string{"hawser", "hawser/agent"}
