package main

import "slices"

// mutants returns all defects, by package.
func mutants() []mutant {
	return slices.Concat(
		verdictMutants, sessionMutants, eventMutants, interceptorMutants, extensionMutants, exchangeMutants,
		executorMutants(), oauthMutants(), transportMutants, toolspecMutants,
		configMutants, groupMutants, pinMutants,
	)
}
