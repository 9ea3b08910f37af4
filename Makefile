# `make` lists the tasks. All of them use the Python on PATH.

.PHONY: help install test style format check parity golden bench

help:
	@grep -E '^[a-z]+:.*##' Makefile | sed 's/:.*## /\t/' | expand -t 12

install: ## this checkout, editable, with what tests and style need
	pip install -e '.[test,style]'

test: ## README's tests
	python -m pytest

style: ## ruff and mypy
	ruff format --check . && ruff check . && mypy

format: ## let ruff format
	ruff format . && ruff check --fix .

check: style test ## style and tests

parity: ## compare with PyTorch, live
	pip install -e '.[test,parity]' && python -m pytest tests/parity

golden: ## record the golden tensors again (needs [parity])
	python tests/golden/record.py

bench: ## all benchmarks, as tables
	python -m tests.bench
