# Each target is a step of CI, so that what passes here passes there.
.DEFAULT_GOAL := check

.PHONY: check format vet lint test simulation simulation-nightly mutants mutants-simulation allocations fuzz peers conformance-counts

check: ## everything CI does
	@bash .ci/run

format vet lint test simulation allocations fuzz peers:
	@bash .ci/run $@

mutants: ## breaks the library in every way of tests/mutants; a test notices each
	@bash .ci/run mutants_all

mutants-simulation: ## which of these defects the simulation alone notices
	@bash .ci/run mutants_simulation

simulation-nightly: ## a million new seeds, in one process for each CPU
	@bash .ci/run simulation_nightly

conformance-counts: ## writes down how many checks the conformance suite made
	cd tests/peers && npm ci --loglevel=error --no-progress && GOWORK=off go test -count=1 -run TestConformance . -update
