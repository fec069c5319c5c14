package main

import (
	"slices"
	"strconv"
	"strings"
)

// command returns a command line for the same server. It keeps the flags without which the command
// would not reach the server or the stored login. It contains no secret: headers, which may be
// secret, are left out.
func (a *app) command(name string, more ...string) string { return a.commandAt(name, a.shown, more...) }

// commandAt is like command, but for another URL of the server.
func (a *app) commandAt(name, url string, more ...string) string {
	words := []string{"hawser", name}
	if a.entry != nil && url == a.shown {
		words = append(append(words, shellWord(a.entry.Name)), a.configFlags()...)
	} else {
		words = append(words, shellWord(url))
	}
	add := func(flag, value string) {
		if value != "" && !slices.Contains(more, flag) {
			words = append(words, flag, shellWord(value))
		}
	}
	f := a.typed()
	add("--cert", f.cert)
	add("--key", f.key)
	add("--cacert", f.cacert)
	add("--executor", f.executor)
	add("--executor-token-file", f.executorToken)
	add("--store", f.auth.store)
	add("--client-id", f.auth.clientID)
	add("--client-secret-file", f.auth.secretFile)
	add("--client-key-file", f.auth.keyFile)
	if f.auth.noResource && !slices.Contains(more, "--no-resource") {
		words = append(words, "--no-resource")
	}
	if name == "login" {
		add("--callback", f.auth.callback)
		if f.auth.port != 0 && !slices.Contains(more, "--callback") {
			add("--port", strconv.Itoa(f.auth.port))
		}
		for _, param := range f.auth.params {
			add("--auth-param", param)
		}
		for _, scope := range f.auth.scopes {
			if !isFlagValue(more, "--scope", scope) {
				words = append(words, "--scope", shellWord(scope))
			}
		}
	} else {
		add("--grant", f.auth.grant)
	}
	for _, word := range more {
		words = append(words, shellWord(word))
	}
	return strings.Join(words, " ")
}

// isFlagValue reports whether words contain the flag with the value.
func isFlagValue(words []string, flag, value string) bool {
	for i := range len(words) - 1 {
		if words[i] == flag && words[i+1] == value {
			return true
		}
	}
	return false
}

// maxWord bounds a word of a hinted command.
const maxWord = 500

// shellWord returns a word as a shell needs it.
func shellWord(word string) string {
	word = oneLine(word, maxWord)
	if word != "" && strings.Trim(word, plainCharacters) == "" {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// plainCharacters mean nothing to a shell.
const plainCharacters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:=@%+,[]"
