package main

import "slices"

// mutants are all defects, by package.
func mutants() []mutant {
	return slices.Concat(sessionMutants(), executorMutants(), oauthMutants(), transportMutants())
}
