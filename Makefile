# Each target runs a step of CI.
.DEFAULT_GOAL := check

.PHONY: check churn field format vet lint test simulation simulation-nightly mutants mutants-simulation allocations fuzz peers peers-all bench bench-decode smoke conformance-counts servers-record release release-check

check: ## runs all steps of CI
	@bash .ci/run

format vet lint test simulation allocations smoke fuzz peers:
	@bash .ci/run $@

bench: ## compares Hawser with other clients; BENCH has flags, see docs/performance.md
	@bash .ci/run bench

bench-decode: ## compares Hawser's decoder with JSON packages
	@bash .ci/run bench_decode

field: ## plays what real servers do, for sessions and at the command line; runs all third-party servers
	GOWORK=off go test -count=1 ./tests/field
	cd examples/hawser && GOWORK=off go test -count=1 -run TestFieldCorpus .
	for dir in tests/peers tests/peers/servers; do (cd $$dir && npm ci --loglevel=error --no-progress) || exit; done
	cd tests/peers && GOWORK=off go test -count=1 -run TestServer . -all

peers-all: ## runs the tests of third-party programs with each version of codex, and all ways through the agent
	@bash .ci/run peers_all

churn: ## makes 10,000 exchanges over links to the agent that break at random, in each mode
	GOWORK=off go test -count=1 -v -run TestChurn ./transport/executor -churn 10000

mutants: ## applies every defect of tests/mutants; a test must detect each
	@bash .ci/run mutants_all

mutants-simulation: ## shows which of these defects the simulation finds
	@bash .ci/run mutants_simulation

simulation-nightly: ## plays a million new seeds, in one process for each CPU
	@bash .ci/run simulation_nightly

release: ## prepares a release, and pushes nothing: make release VERSION=v1.2.3
	@go run ./tests/repo/release "$(VERSION)"

release-check: ## releases a copy of the repository, and installs the release as users do
	@bash .ci/run release

conformance-counts: ## records how many checks the conformance suite made
	cd tests/peers && npm ci --loglevel=error --no-progress && GOWORK=off go test -count=1 -run TestConformance . -update

servers-record: ## runs all third-party servers and records what they offer
	for dir in tests/peers tests/peers/servers; do (cd $$dir && npm ci --loglevel=error --no-progress) || exit; done
	cd tests/peers && GOWORK=off go test -count=1 -run TestServer . -update
	GOWORK=off go test -count=1 -run TestDocument ./tests/field -update
