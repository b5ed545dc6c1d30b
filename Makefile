# Every target that needs packages or a build makes them first; nothing is installed outside of this folder and the cache.
.DEFAULT_GOAL := help
SHELL := /bin/sh
NODE_MINIMUM := 20.19

.PHONY: help run test e2e conformance upstream build install lint format check ci bench micro limit flame clean node

help: ## Show this text
	@echo "Mizzen: a service-mesh control plane for Istio configuration"
	@echo
	@sed -n 's/^\([a-z0-9]*\):.*## \(.*\)/  make \1|\2/p' Makefile | awk -F'|' '{ printf "%-20s %s\n", $$1, $$2 }'

run: build ## Start the control plane on samples/shop, with an Envoy and sample services (Ctrl-C stops)
	@node dist/src/main/main.js demo $(ARGS)

test: build ## Run the unit tests (WHICH=part/of/a/path for some)
	@node test/run.mjs unit $(WHICH)

e2e: build ## Run the tests with real Envoys (root, iproute2 and iptables for the ones with network namespaces)
	@node test/run.mjs e2e $(WHICH)

conformance: build ## Compare with ../shared: GROUP="basics gateway", SCENARIO=basics/headless, ARGS=-v, UPDATE_LEVELS=1
	@node test/run.mjs conformance $(GROUP) $(SCENARIO) $(ARGS)

upstream: build ## Load the scenarios of ../shared into Envoys of upstream's build: GROUP="basics gateway", ARGS=--delta
	@node dist/test/conformance/upstream.js $(GROUP) $(ARGS)

build: install ## Generate the wire messages and compile to dist/
	@npm run --silent gen
	@npm run --silent build

install: node
	@cmp -s package-lock.json node_modules/.installed-lock 2>/dev/null || \
		{ npm ci --no-audit --no-fund && cp package-lock.json node_modules/.installed-lock; }

lint: install ## Check style, and who imports whom
	@npm run --silent lint

format: install ## Format the sources
	@npm run --silent format

check: build lint test ## Type check, lint and unit tests: what has to pass before a commit

ci: ## Everything that CI runs
	@.ci/run

bench: build ## Measure the control plane from outside (ARGS=--help; BASE=REVISION compares with that one)
	@node dist/bench/run.js $(if $(BASE),--base $(BASE)) $(ARGS)

micro: build ## Measure single steps of a push (ARGS="--mesh m100")
	@node dist/bench/micro/run.js $(ARGS)

limit: build ## What a push costs when only bytes are written and answers read: the machine's limit
	@node dist/bench/limit/run.js $(ARGS)

flame: build ## Flame graphs of the main thread and the workers under load, into .flame/
	@node dist/bench/flame/run.js $(ARGS)

clean: ## Remove what was built (packages stay)
	@rm -rf dist src/shared/gen .flame

node:
	@command -v node >/dev/null 2>&1 || { \
		echo "Node.js $(NODE_MINIMUM) or newer is needed, and there is no node on PATH: see https://nodejs.org" >&2; exit 1; }
	@node -e 'const [a, b, x, y] = (process.versions.node + "." + process.argv[1]).split(".").flatMap((n, i) => i === 2 ? [] : [+n]); process.exit(a > x || (a === x && b >= y) ? 0 : 1)' $(NODE_MINIMUM) || { \
		echo "Node.js $(NODE_MINIMUM) or newer is needed; this is $$(node --version)" >&2; exit 1; }
