# What a person does here. Python packages go into .venv; nothing else is touched.
# The first Python here that is new enough; PYTHON=/path/to/python3.12 make … names another.
PYTHON ?= $(shell for name in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$name && break; done)
VENV := .venv
BIN := $(VENV)/bin

.PHONY: install demo test soak lint bench bench-queues docs

install: $(VENV)/installed

# Made again when the dependencies change.
$(VENV)/installed: pyproject.toml
	@test -n '$(PYTHON)' && $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or later is needed; PYTHON=/path/to/python3.12 make … names one." >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $@

demo: install
	$(BIN)/magento-eventbridge demo

test: install
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report
	$(BIN)/coverage report --fail-under=100 --include='*/captures.py,*/catalog/*,*/delivery/backoff.py,*/delivery/batches.py,*/delivery/envelope.py,*/delivery/routing.py,*/delivery/verdicts.py,*/magento_eventbridge/magento/*'

# The fault tests for long: so many things go wrong in each storm. A run prints its seeds.
soak: export MAGENTO_EVENTBRIDGE_SOAK_ROUNDS ?= 200
soak: install
	$(BIN)/pytest tests/faults -rP

lint: install
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	PYTHONPATH=src $(BIN)/lint-imports

bench: install build/peers/installed
	$(BIN)/python -m benchmarks

# Several bridges on one RabbitMQ, which is installed when it is missing and that is allowed.
bench-queues: install
	$(BIN)/python -m benchmarks.queues

# A peer that wants another botocore than boto3 does.
build/peers/installed:
	$(PYTHON) -m venv build/peers
	build/peers/bin/pip install --quiet --disable-pip-version-check aiobotocore uvloop
	touch $@

docs: install
	$(BIN)/python -m tools.generate_docs
	$(BIN)/python -m tools.docs_site
	$(BIN)/zensical build --strict
