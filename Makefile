# `make` alone lists the targets. Go and make are all that has to be there:
# what else a target needs it installs itself, and says so.

SHELL    := /bin/bash
FUZZTIME ?= 20s
export FUZZTIME

.DEFAULT_GOAL := help
.PHONY: run test lint vuln bench fuzz build demo help clean

run: ## start everything on this machine, with a demo client and user (ARGS=… goes to gatehouse dev)
	@if command -v npm >/dev/null; then deploy/demo/build || echo "The demo frontend is not built; all else runs." >&2; fi
	@$(MAKE) -s build
	@exec bin/gatehouse dev $(ARGS)

demo: ## build the demo frontend, which the next build embeds
	@.ci/install npm
	@deploy/demo/build

test: demo ## run every test on SQLite and on a throw-away PostgreSQL, with the race detector
	@.ci/install gcc postgresql chromium curl
	@.ci/npm cmd/gatehouse/testdata/npm
	@.ci/with-postgres go test -race -timeout 20m ./...

lint: ## check with gofmt, go vet and staticcheck
	@files=$$(gofmt -l .) && [ -z "$$files" ] || { echo "gofmt would change:" $$files >&2; exit 1; }
	@go vet ./...
	@go tool staticcheck ./...

vuln: ## look for known vulnerabilities in what is built (needs a network)
	@go run golang.org/x/vuln/cmd/govulncheck@v1.9.0 ./...

bench: ## measure against the floors on PostgreSQL and SQLite (FULL=1: more connections, a million tokens)
	@.ci/install postgresql
	@PGFSYNC=on .ci/with-postgres go run ./cmd/bench $(if $(FULL),-full)

fuzz: ## run each fuzz test for FUZZTIME (20s)
	@.ci/install postgresql
	@.ci/with-postgres bash -euc 'for p in $$(go list ./...); do \
		found=$$(go test -list "^Fuzz" $$p); \
		for f in $$(grep "^Fuzz" <<<"$$found"); do \
			echo "$$p $$f"; go test -run "^$$" -fuzz "^$$f\$$" -fuzztime "$$FUZZTIME" $$p; \
		done; \
	done'

build: ## make bin/gatehouse: one static file
	@CGO_ENABLED=0 go build -trimpath -ldflags "-s -w" -o bin/gatehouse ./cmd/gatehouse

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-6s %s\n", $$1, $$2 }' Makefile

clean: ## remove what was built; the data of make run stays
	@rm -rf bin
