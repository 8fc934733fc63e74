# Every chore of the project. `make` alone lists them.
# PORT on the command line or in the environment reaches the server through its settings.
VENV ?= .venv
PY := $(VENV)/bin/python
COMPOSE ?= docker compose
LARGE ?= squad2-large
# Test files that run side by side: most of them wait for servers and processes.
WORKERS ?= 3
export VENV

.DEFAULT_GOAL := help
.PHONY: help setup setup-serve setup-dev serve serve-large dev demo test test-together test-fast lint format image container container-stop up down clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 20

setup: ## set up .venv for serving and training
	@scripts/setup_environment.sh train

setup-serve: ## set up .venv for serving alone: no torch, a tenth of the size
	@scripts/setup_environment.sh serve

setup-dev:
	@scripts/setup_environment.sh dev

serve: setup-serve ## serve the API with the squad2 adapter (on port 5000; PORT=8000 make serve for another)
	@$(PY) -m gunicorn -c docker/gunicorn.conf.py 'app:create_app()'

serve-large: ## the same with the larger base: better answers, slower (LARGE=NAME for another of its adapters)
	@scripts/setup_environment.sh serve large
	@QA_ADAPTER=$(LARGE) $(PY) -m gunicorn -c docker/gunicorn.conf.py 'app:create_app()'

dev: setup-serve ## serve with Flask's development server
	@$(PY) app.py

demo: ## a page to try the running server on (on port 7860; PORT=8080 make demo, LOCALQA_API=URL for others)
	@scripts/setup_environment.sh demo
	@$(PY) demo.py

test: setup-dev ## lint, types and every test
	@$(MAKE) --jobs 2 lint test-together
	$(PY) -m pytest -m alone

# Threads of torch that wait for their turn sleep: turning round meanwhile, three trainings at once take three times as long.
test-together:
	OMP_WAIT_POLICY=passive $(PY) -m pytest -m "not alone" --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder

test-fast: setup-dev ## the tests that need no model and no server
	$(PY) -m pytest -m "not slow and not integration"

lint: setup-dev ## ruff and mypy
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy

format: setup-dev ## put the code into shape
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .

image: ## build the server's image, with docker or buildah
	@scripts/build_image.sh

container: ## start a container of the image alone, on port 5000, and wait until it answers
	docker run --detach --name localqa --publish 127.0.0.1:5000:5000 --env QA_ALLOW_OPEN=true \
		--read-only --tmpfs /tmp --volume localqa-library:/data localqa:0.1.0
	@for _ in $$(seq 60); do curl --noproxy '*' -sf localhost:5000/readyz && exit 0; sleep 1; done; \
		docker logs localqa; docker rm --force localqa; exit 1

container-stop: ## stop it
	docker stop localqa
	docker rm --force localqa

up: ## start the server, its proxy and Ollama in containers, and wait until they answer
	$(COMPOSE) up --detach --wait

down: ## stop them
	$(COMPOSE) down

clean: ## remove caches, not the environment
	rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +
