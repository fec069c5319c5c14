package main

import (
	"maps"
	"net/http"
	"os"
	"strings"
)

const headerHint = "write --header 'Name: value', 'Name: env:VARIABLE' or 'Name: @file'; one word, such as Bearer, may precede env: and @"

// readHeaders returns the headers from --header and of the configuration. A header in --header
// replaces that of the configuration. Errors never contain header values, since they may
// be secrets.
func (a *app) readHeaders() (http.Header, error) {
	header, flags := a.entryHeader(), make(http.Header)
	for _, word := range a.flags.headers {
		name, value, ok := strings.Cut(word, ":")
		if name = strings.TrimSpace(name); !ok || name == "" || strings.ContainsAny(name, " \t\r\n") {
			return nil, usageError(headerHint, "--header: expected 'Name: value'")
		}
		value, err := a.headerValue(name, strings.TrimSpace(value))
		if err != nil {
			return nil, err
		}
		flags.Add(name, value)
		a.hideHeader(value)
	}
	maps.Copy(header, flags)
	a.authorized = header.Get("Authorization") != ""
	return header, nil
}

// hideHeader masks the value of a header in everything that is printed.
func (a *app) hideHeader(value string) {
	a.con.hide(value)
	if _, token, ok := strings.Cut(value, " "); ok {
		a.con.hide(strings.TrimSpace(token))
	}
}

// headerValue resolves env:VARIABLE or @file, either as the whole value or after a scheme such as
// Bearer. It returns any other value unchanged.
func (a *app) headerValue(name, value string) (string, error) {
	scheme, rest, ok := strings.Cut(value, " ")
	switch {
	case isReference(value):
		scheme, rest = "", value
	case ok && isReference(strings.TrimSpace(rest)):
		scheme, rest = scheme+" ", strings.TrimSpace(rest)
	default:
		return value, nil
	}
	if file, ok := strings.CutPrefix(rest, "@"); ok {
		data, err := os.ReadFile(file) //nolint:gosec // the user named it
		if err != nil {
			return "", usageError(headerHint, "header %s: %v", name, err)
		}
		return scheme + strings.TrimSpace(string(data)), nil
	}
	variable := strings.TrimPrefix(rest, "env:")
	text, ok := a.env.lookup(variable)
	if text = strings.TrimSpace(text); !ok || text == "" {
		return "", usageError("export "+oneLine(variable, 60)+" first", "header %s: the environment variable %s is not set", name, oneLine(variable, 60))
	}
	return scheme + text, nil
}

func isReference(value string) bool {
	return strings.HasPrefix(value, "env:") || strings.HasPrefix(value, "@")
}
