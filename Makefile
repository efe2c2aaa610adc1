# Two commands do everything on a fresh machine:
#   make demo    sets up, then builds two signed releases of the demo workspace with the real `aos make`
#   make test    sets up, then passes every check and test
# `make simulate` takes an emulated device through upgrades; `make story` shows cloud and devices together; `make fleet` takes 200 device models through a rollout;
# `make scenarios` is all of that and every test of devices and cloud. All skip what is done already. DIR=… chooses the demo's folder, PYTHON=… the Python.

PYTHON ?= python3
VENV   ?= .venv
DIR    ?= build/$(if $(filter simulate,$(MAKECMDGOALS)),simulate,demo)
BIN    := $(VENV)/bin

AOS_TOOLS := aos-tools==1.1.43 setuptools<82
# A worker for each core; a file's tests stay together, in the order of tests/conftest.py. PYTEST_ARGS="-n 0" is none but pytest itself.
ALL_CORES := -n auto --dist loadfile --no-loadscope-reorder

# pytest keeps what it makes of the tests' modules, and each worker and each program started reads what is compiled already.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo simulate story fleet scenarios test unit check bench mutations fuzz faults windows-smoke packages simulate-packages cloud-packages story-packages test-packages windows-packages clean

demo: packages $(VENV)/.ready
	@"$(BIN)/aos-ota" demo "$(DIR)"

simulate: simulate-packages $(VENV)/.ready
	@"$(BIN)/aos-ota" simulate "$(DIR)"

story: story-packages $(VENV)/.ready-cloud
	@"$(BIN)/aos-ota" story

fleet: cloud-packages $(VENV)/.ready-cloud
	@"$(BIN)/aos-ota" fleet $(FLEET_ARGS)

# What happens to devices and cloud: CI's part (`make test` has it), then each power cut, the story, and the fleet of 200: 20 minutes.
scenarios: test-packages $(VENV)/.ready-test
	@"$(BIN)/python" -m pytest $(ALL_CORES) tests/cloud tests/simulate $(PYTEST_ARGS)
	@"$(BIN)/aos-ota" simulate build/simulate --quiet
	@"$(BIN)/aos-ota" story --quiet
	@"$(BIN)/aos-ota" fleet $(FLEET_ARGS)

test: test-packages $(VENV)/.ready-test check
	@"$(BIN)/python" -m pytest $(ALL_CORES) --durations=30 $(PYTEST_ARGS)

# Folders without a test of that kind: reading them would take a third of the time.
NO_UNITS := --ignore=tests/aos --ignore=tests/faults --ignore=tests/windows --ignore=tests/boot

# What needs no tool and starts no program, on all cores: a minute or so on two.
unit: $(VENV)/.ready-test
	@"$(BIN)/python" -m pytest -n auto -m "not (programs or aos or qemu or native or hsm or cloud or pythons or faults or windows)" $(NO_UNITS) $(PYTEST_ARGS)

check: $(VENV)/.ready-test
	@"$(BIN)/ruff" check .
	@"$(BIN)/ruff" format --check .
	@"$(BIN)/mypy"

bench: test-packages $(VENV)/.ready-bench
	@"$(BIN)/python" -m tests.bench $(BENCH_ARGS)

# Faults of one line, put into a copy of the product one at a time; the test that each names has to fail. A minute.
mutations: $(VENV)/.ready-test
	@"$(BIN)/python" -m tests.mutations $(MUTATIONS_ARGS)

# A million inputs to everything that reads: hours. FUZZ_ARGS="--runs 10000 manifest" for less.
fuzz: test-packages $(VENV)/.ready-fuzz
	@"$(BIN)/python" -m tests.fuzz $(FUZZ_ARGS)

# What `make test` leaves out: every call by which a command changes the disk, refused in four ways and the process killed there; a
# hundred builds whose tools are interrupted, or find the disk full, in the middle of a write; all Pythons: many minutes.
faults: test-packages $(VENV)/.ready-test
	@"$(BIN)/python" -m pytest $(ALL_CORES) -m faults $(PYTEST_ARGS)

# CPython for Windows under Wine: import, sign, one `aos make` of the demo.
windows-smoke: windows-packages $(VENV)/.ready-test build/windows/.ready
	@"$(BIN)/python" -m pytest -m windows tests/windows $(PYTEST_ARGS)

$(VENV)/.ready: pyproject.toml Makefile | packages
	@echo "setting up $(VENV): this project and $(AOS_TOOLS)"
	@test -x "$(BIN)/python" || "$(PYTHON)" -m venv "$(VENV)"
	@"$(BIN)/python" -m pip install --quiet --disable-pip-version-check -e . $(patsubst %,"%",$(AOS_TOOLS))
	@touch "$@"

$(VENV)/.ready-test: $(VENV)/.ready tests/environments.py
	@echo "setting up $(VENV): what the tests need"
	@"$(BIN)/python" -m pip install --quiet --disable-pip-version-check -e ".[test]" $(patsubst %,"%",$(AOS_TOOLS))
	@"$(BIN)/python" tests/environments.py
	@touch "$@"

$(VENV)/.ready-cloud: $(VENV)/.ready
	@"$(BIN)/python" -m pip install --quiet --disable-pip-version-check -e ".[cloud]"
	@touch "$@"

$(VENV)/.ready-bench: $(VENV)/.ready-test
	@"$(BIN)/python" -m pip install --quiet --disable-pip-version-check -e ".[test,bench]" $(patsubst %,"%",$(AOS_TOOLS))
	@touch "$@"

# Where there is no atheris for this Python, inputs are changed at random instead.
$(VENV)/.ready-fuzz: $(VENV)/.ready-test
	@"$(BIN)/python" -m pip install --quiet --disable-pip-version-check -e ".[test,fuzz]" $(patsubst %,"%",$(AOS_TOOLS)) \
		|| echo "no atheris here: inputs are changed at random"
	@touch "$@"

build/windows/.ready: $(wildcard tests/windows/*.txt tests/windows/*.c) tests/windows/set_up.py tests/windows/wine.py \
		tests/windows/wine_lacks.py | windows-packages $(VENV)/.ready-test
	@"$(BIN)/python" tests/windows/set_up.py
	@touch "$@"

# Debian's packages, each asked for only where what it brings is missing.
packages:
	@sh .ci/packages demo

simulate-packages:
	@sh .ci/packages simulate

story-packages:
	@sh .ci/packages story

cloud-packages:
	@sh .ci/packages cloud

test-packages:
	@sh .ci/packages test

windows-packages:
	@sh .ci/packages windows

clean:
	rm -rf build .pytest_cache .mypy_cache .ruff_cache .hypothesis
