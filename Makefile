# Two commands: `make book` and `make test`. Everything else is a step of these or a convenience.

PYTHON ?= python3
VENV   := .venv
PORT   ?= 8000

ifeq ($(OS),Windows_NT)
  BIN := $(VENV)/Scripts
else
  BIN := $(VENV)/bin
endif
RUN       := $(BIN)/python
INSTALLED := $(VENV)/.installed

# Without compiled files every kernel compiles all its imports again, which doubles the notebooks' CPU time.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help install book serve downloads test lighthouse bench lock sdk-samples clean

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

install: $(INSTALLED)  ## the environment in .venv, from requirements.txt

$(INSTALLED): requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null || \
	  { echo "Python 3.11, 3.12 or 3.13 is needed; $(PYTHON) is $$($(PYTHON) --version 2>&1)."; \
	    echo "Say which one to use: make PYTHON=python3.12 book"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	  { echo "This Python has no venv module. On Debian and Ubuntu: sudo apt install python3-venv"; exit 1; }
	@$(RUN) -m pip --version >/dev/null 2>&1 || { echo "Creating $(VENV)"; $(PYTHON) -m venv $(VENV); }
	@$(RUN) -m pip install --quiet --disable-pip-version-check uv
	@echo "Installing what requirements.txt lists (a minute or two the first time)"
	@$(RUN) -m uv pip install --python $(RUN) --compile-bytecode -r requirements.txt || \
	  { echo "uv could not install it; trying pip, which is slower"; \
	    $(RUN) -m pip install --disable-pip-version-check -r requirements.txt; }
	@touch $@

book: install  ## run the notebooks that changed, build the site, say where to open it
	@$(RUN) tools/build_book.py

serve: book  ## the same, then serve it on http://127.0.0.1:8000 (PORT=… for another port)
	@echo "Serving http://127.0.0.1:$(PORT)/ until you press Ctrl-C"
	@$(RUN) -m http.server $(PORT) --bind 127.0.0.1 --directory _build/html

downloads: book  ## the book as a PDF, and the site as a zip file for reading without a network
	@$(RUN) tools/prepare_browser.py
	@$(RUN) tools/make_downloads.py

test: install  ## style, unit tests, notebooks, exercises, the built site
	@$(RUN) tools/run_tests.py

lighthouse: book  ## Lighthouse's scores for every page, on a simulated phone; takes a quarter of an hour, needs Node.js
	@$(RUN) tools/lighthouse.py

bench: install  ## start-up, overhead and memory of local_azure, and how long jobs and endpoints take
	@$(RUN) tools/bench.py

lock: install  ## requirements.in -> requirements.txt
	@$(RUN) -m uv pip compile --quiet --universal --python-version 3.11 --no-header --no-emit-index-url requirements.in -o requirements.txt
	@echo "requirements.txt is written; run make test before you commit it"

sdk-samples: install  ## fetch the SDK's published samples, which the contract tests run
	@$(RUN) tools/fetch_sdk_samples.py

clean:  ## remove what was built, keep the environment
	rm -rf _build .cache
