package main

import "slices"

// mutants returns all defects, by package.
func mutants() []mutant {
	return slices.Concat(verdictMutants, sessionMutants, extensionMutants, exchangeMutants, executorMutants(), oauthMutants(), transportMutants, toolspecMutants)
}
