# Every target that needs Python packages makes or refreshes .venv first; when nothing changed that
# takes milliseconds.

PYTHON = .venv/bin/python
BOOTSTRAP = @python3 config/bootstrap.py
# What only reads the settings needs no servers
SETTINGS = @env SECRET_KEY=- ALLOWED_HOSTS=- DATABASE_URL=postgres:///- REDIS_URL=redis://-

.DEFAULT_GOAL := help
.PHONY: help demo shell clean-demo test soak drill bench-access bench-lookup bench-audit mutants screenshots schema lint messages

help: ## Say what the targets do
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 20

demo: ## Try the portal on this machine (PORT=8000 CUSTOMERS=30000 make demo)
	$(BOOTSTRAP)
	@$(PYTHON) -m config.demo

shell: ## A Django shell on the demo's data, whether the demo runs or not
	$(BOOTSTRAP)
	@$(PYTHON) -m config.embedded --join demo $(PYTHON) manage.py shell

clean-demo: ## Forget the demo's data
	$(BOOTSTRAP)
	@$(PYTHON) -m config.embedded --forget demo

test: ## Run the tests (ARGS="-k grants -x" make test)
	$(BOOTSTRAP) --dev
	@$(PYTHON) -m config.embedded test $(PYTHON) -m pytest -n 2 --maxschedchunk 1 $(ARGS)

soak: ## Let the machine of tests/access/test_machine.py run (MINUTES=30 make soak)
	$(BOOTSTRAP) --dev
	@SOAK_MINUTES=$${MINUTES:-30} $(PYTHON) -m config.embedded test $(PYTHON) -m pytest -s tests/access/test_machine.py

drill: ## Kill workers, Redis and PostgreSQL in the middle of endings, one of them of 5,000 grants
	$(BOOTSTRAP) --dev
	@LARGE_ENDING=5000 $(PYTHON) -m config.embedded test $(PYTHON) -m pytest -v tests/journeys/test_faults.py

bench-access: ## Measure granting, ending, deciding and reading beside their floors (QUICK=1 for a minute)
	$(BOOTSTRAP) --dev
	@$(PYTHON) -m config.embedded bench $(PYTHON) -m tests.benchmarks.access

bench-lookup: ## Measure looking callers up at 30,000 to 3,000,000 customers (QUICK=1 for a minute)
	$(BOOTSTRAP) --dev
	@$(PYTHON) -m config.embedded bench $(PYTHON) -m tests.benchmarks.lookup

bench-audit: ## Measure writing, sealing, verifying and reading the history (QUICK=1 for a minute)
	$(BOOTSTRAP) --dev
	@$(PYTHON) -m config.embedded bench $(PYTHON) -m tests.benchmarks.audit

mutants: ## Change the rules one by one, and list what no test notices (hours; MODULES="access/policy" for some)
	$(BOOTSTRAP) --dev
	@$(PYTHON) -m pip install --quiet --constraint constraints.txt cosmic-ray==8.7.0 pytest-cov==7.1.0
	@$(PYTHON) -m config.embedded mutants $(PYTHON) -m tests.mutants $(MODULES)

screenshots: ## Take the README's pictures anew
	$(BOOTSTRAP) --dev
	@SCREENSHOTS=docs/images $(PYTHON) -m config.embedded test $(PYTHON) -m pytest tests/journeys/test_pages.py -k pictures

schema: ## Write down what the migrations make (audit/schema.txt), after one is added
	$(BOOTSTRAP)
	@$(PYTHON) -m config.embedded --forget schema
	@$(PYTHON) -m config.embedded schema sh -c '$(PYTHON) manage.py migrate -v 0 && $(PYTHON) manage.py check_schema --write'
	@$(PYTHON) -m config.embedded --forget schema

lint: ## Check the style, the layers and the types
	$(BOOTSTRAP) --dev
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/djlint --lint --quiet templates
	.venv/bin/lint-imports
	$(SETTINGS) $(PYTHON) -m mypy

messages: ## Collect what there is to translate into locale/
	$(BOOTSTRAP)
	$(SETTINGS) $(PYTHON) manage.py translations
