package main

import "slices"

// notGranted returns the scopes of the command line that are not among the granted ones.
func (a *app) notGranted(granted []string) []string {
	return slices.DeleteFunc(slices.Clone(a.flags.auth.scopes), func(scope string) bool { return slices.Contains(granted, scope) })
}
