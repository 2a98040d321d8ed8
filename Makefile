# make run            start a server in the foreground; Ctrl-C stops all of it
# make test | check   the tests | format, lint, types and layers
# make bench          what a conversation costs, beside a bare server that does the same work (twenty minutes)
# make chaos          parts of a server are killed under talking callers; what became of their turns (four minutes)
# make soak           callers come and go for half an hour; what grows
# make clean          remove caches and what was built
#
# run takes CONFIG=configs/default.yaml HOST=127.0.0.1 PORT=8000 SET="turn.silence_ms=300 log.level=DEBUG";
# bench takes ARGS="--conversations 1,25,50 --seconds 20 --out bench/results/bench.json".
# They count only when they stand on make's command line: some shells export a HOST of their own.

VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

given = $(if $(filter command line,$(origin $(1))),$($(1)))

.PHONY: run test check bench chaos soak install clean
.DEFAULT_GOAL := run

run: $(INSTALLED)
	@$(BIN)/parley serve --config $(or $(call given,CONFIG),configs/default.yaml) \
		$(if $(call given,HOST),--host $(HOST)) $(if $(call given,PORT),--port $(PORT)) \
		$(foreach setting,$(call given,SET),--set '$(setting)')

test: $(INSTALLED)
	@$(BIN)/pytest

check: $(INSTALLED)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/basedpyright
	$(BIN)/lint-imports

bench: $(INSTALLED)
	@$(BIN)/python -m bench.suite $(if $(call given,ARGS),$(ARGS))

chaos: $(INSTALLED)
	@$(BIN)/python -m bench.chaos $(if $(call given,ARGS),$(ARGS))

soak: $(INSTALLED)
	@$(BIN)/python -m bench.soak $(if $(call given,ARGS),$(ARGS))

install: $(INSTALLED)

# Compiled at once: a server starts a dozen Python processes, and each would compile Ray for itself.
$(INSTALLED): pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing Parley into $(VENV) (once, a few minutes)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt uv
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --compile-bytecode --constraint constraints.txt --editable '.[dev]'
	@touch $@

$(BIN)/python:
	@for python in python3.11 python3.12 python3.13 python3; do \
		if "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2> /dev/null; then \
			exec "$$python" -m venv $(VENV); \
		fi; \
	done; \
	echo "error: Parley needs Python 3.11 or newer" >&2; exit 1

clean:
	@rm -rf build dist *.egg-info .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	@find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +
