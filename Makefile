# The project's tasks. Python packages are installed into .venv, and nowhere else.
# The first Python on PATH that is new enough; PYTHON=/path/to/python3.12 make … selects another.
PYTHON ?= $(shell for name in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$name && break; done)
VENV := .venv
BIN := $(VENV)/bin
# Tests start the command hundreds of times: without compiled modules each start takes three times as long.
export PYTHONDONTWRITEBYTECODE =
PIP := $(BIN)/pip install --quiet --disable-pip-version-check

.PHONY: install demo dist release screenshots test test-quick coverage soak lint bench bench-queues docs lock upgrade audit fuzz

install: $(VENV)/installed

# Both are repeated when the dependencies change. Versions and hashes are those of the lock files.
# uv takes seconds where pip takes minutes; pip is the fallback where uv cannot reach an index.
# Like other programs, it trusts the system's certificates, also that of a company's proxy.
export UV_SYSTEM_CERTS ?= true
INSTALL = $(BIN)/uv pip install --python $(BIN)/python
EDITABLE = --no-deps --no-build-isolation --editable .
LOCKED = --require-hashes --requirement

# For the demo: the package, its extra `demo`, and the installers.
$(VENV)/installed-demo: pyproject.toml requirements-demo.lock
	@test -n '$(PYTHON)' && $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or later is needed; PYTHON=/path/to/python3.12 make … selects one." >&2; exit 1; }
	@echo "Creating $(VENV) with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv $(VENV)
	@awk '/^[^ ]/ { wanted = /^uv==/ } wanted' requirements-demo.lock >$(VENV)/uv.txt
	@$(PIP) $(LOCKED) $(VENV)/uv.txt || echo "uv is not available for this machine: installing with pip, which takes longer." >&2
	@echo "Installing the $$(grep -c '^[a-z].*==' requirements-demo.lock) packages of requirements-demo.lock"
	@$(INSTALL) $(LOCKED) requirements-demo.lock || $(BIN)/pip install $(LOCKED) requirements-demo.lock
	@$(INSTALL) --quiet $(EDITABLE) || $(PIP) $(EDITABLE)
	@touch $@

# In addition, for tests, checks and documentation.
$(VENV)/installed: $(VENV)/installed-demo requirements.lock
	@echo "Installing the rest of the $$(grep -c '^[a-z].*==' requirements.lock) packages of requirements.lock"
	@$(INSTALL) $(LOCKED) requirements.lock || $(BIN)/pip install $(LOCKED) requirements.lock
	@touch $@

demo: $(VENV)/installed-demo
	$(BIN)/magento-eventbridge demo $(if $(DETAIL),--detail $(DETAIL)) $(if $(BUS),--bus $(BUS))

# Every package that is published, in dist/: built, checked, installed into an empty place and used.
dist: install
	$(BIN)/python -m tools.distributions
	$(BIN)/python -m tools.prove_distributions

# Prepares, commits and tags a release; 'git push --follow-tags' publishes it. REPOSITORY, the public
# address https://github.com/OWNER/NAME, is needed once.
release: install
	$(BIN)/python -m tools.release '$(VERSION)' $(REPOSITORY)

# The pictures of the console that README and docs show; needs Chromium.
screenshots: install
	$(BIN)/python -m tools.screenshots

# The unit tests that alone cover, every branch, the modules that pyproject.toml names. They run
# apart, since coverage doubles what a test costs.
COVERING := $(patsubst %,tests/unit/test_%.py,backfill backoff captures catalog claim_check condition \
	connection declared doctor_log encryption endpoints env_php envelope full_details installation \
	lane log matching menu messages pace print_r privacy queue_settings rerouting routing \
	store_config switches verdicts view_options)

# Then all others, which wait a lot for servers, browsers and processes: the slow ones first, four at a
# time on two cores. Both run, whatever fails.
test: install
	@failed=0; \
	$(BIN)/coverage erase; \
	$(BIN)/coverage run -m pytest $(COVERING) --numprocesses=2 --dist=worksteal || failed=1; \
	$(BIN)/coverage combine --quiet && $(BIN)/coverage report --fail-under=100 || failed=1; \
	$(BIN)/pytest tests/faults tests/end_to_end tests/integration tests/conformance tests/unit \
		$(COVERING:%=--ignore=%) --numprocesses=4 --dist=worksteal --durations=25 || failed=1; \
	exit $$failed

# Branch coverage of everything by all tests, processes that they start included; takes twice as long.
coverage: install
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest --numprocesses=2 --dist=loadfile
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report --include='src/*'

# The tests that need no server or foreign tool: unit tests, and in-process queues and sinks.
test-quick: install
	$(BIN)/pytest -q --numprocesses=2 --dist=worksteal -m 'not external' tests/unit tests/conformance --durations=10

# The fault tests with many more faults in each storm, two storms at a time; the report at the end
# has each storm's result and seed.
soak: export MAGENTO_EVENTBRIDGE_SOAK_ROUNDS ?= 200
soak: install
	$(BIN)/pytest tests/faults --numprocesses=2 --dist=worksteal -v -rP

lint: install
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	PYTHONPATH=src $(BIN)/lint-imports
	$(BIN)/python -m tools.dead_code

bench: install build/peers/installed
	$(BIN)/python -m benchmarks

# Several bridges on one RabbitMQ, which is installed if it is missing and that is allowed.
bench-queues: install
	$(BIN)/python -m benchmarks.queues

# An environment for aiobotocore, which needs another botocore than boto3.
build/peers/installed: $(VENV)/installed
	$(PYTHON) -m venv build/peers
	$(BIN)/uv pip install --quiet --python build/peers/bin/python aiobotocore uvloop
	touch $@

docs: install
	$(BIN)/python -m tools.generate_docs
	$(BIN)/python -m tools.docs_site
	$(BIN)/zensical build --strict --config-file build/zensical.toml

# Versions and hashes for every platform: for the package with all extras and tools, and for the
# demo, in the same versions.
LOCK = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
	--custom-compile-command 'make lock'
lock: install
	$(LOCK) --all-extras --output-file requirements.lock pyproject.toml
	$(LOCK) --extra demo --group setup --constraint requirements.lock \
		--output-file requirements-demo.lock pyproject.toml

# The same with the newest versions that are a week old: those that were published by mistake or by
# somebody else are usually withdrawn by then.
upgrade: LOCK += --upgrade --exclude-newer '7 days'
upgrade: lock

# Known vulnerabilities in the locked versions, from PyPI or an OSV server: OSV_URL=http://…/v1/query
audit: install
	@$(BIN)/pip-audit --requirement requirements.lock --require-hashes --disable-pip --strict \
		$(if $(OSV_URL),--vulnerability-service osv --osv-url '$(OSV_URL)') || { \
		echo "make audit: see above: known vulnerabilities, or packages that could not be checked (this needs the network)." >&2; exit 1; }

# SECONDS_EACH on each target; findings are left in build/fuzz. Needs atheris.
SECONDS_EACH ?= 60
fuzz: install
	@$(BIN)/python -c 'import atheris' 2>/dev/null || $(BIN)/pip install --quiet --disable-pip-version-check atheris \
		|| { echo "make fuzz: atheris is not available for this Python: nothing was fuzzed." >&2; exit 2; }
	@for target in $$($(BIN)/python -c 'from fuzz.targets import TARGETS; print(*TARGETS)'); do \
		echo "fuzzing $$target for $(SECONDS_EACH) s"; \
		$(BIN)/python -m fuzz $$target $(SECONDS_EACH) >build/fuzz-$$target.log 2>&1 \
			|| { tail -n 40 build/fuzz-$$target.log >&2; exit 1; }; \
	done
