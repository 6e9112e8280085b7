# `make run` and `make test` are all that a fresh clone needs; each builds what it lacks.
.DEFAULT_GOAL := help
.PHONY: help run test check bench demo docs lock clean

UV_VERSION := 0.13.8
LOCK_WITH := build/lock/bin/uv pip compile --quiet --universal --generate-hashes --custom-compile-command 'make lock' \
	--no-emit-index-url --no-emit-find-links

help: ## show this list 显示本列表
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-6s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## start the portal with demo data (PORT=8000 HOST=127.0.0.1 DATA=./data) 启动平台
	@python="$$(sh deploy/find-python.sh)" && exec "$$python" -m deploy.run

test: ## lint, types, every test on SQLite and on PostgreSQL + Redis, worker, browser 全部检查
	@python="$$(sh deploy/find-python.sh)" && exec "$$python" -m tests.run

check: ## lint, types and the fast tests on SQLite 快速检查
	@python="$$(sh deploy/find-python.sh)" && exec "$$python" -m tests.run --check

bench: ## measure the pages on a private PostgreSQL, write build/bench.json 性能测量
	@python="$$(sh deploy/find-python.sh)" && exec "$$python" -m tests.run --bench

demo: ## run `manage.py demo` on DATA (ARGS="--state=… --seed=…") 演示数据
	@python="$$(sh deploy/find-python.sh)" && "$$python" -m deploy.manage migrate --verbosity 0 \
		&& exec "$$python" -m deploy.manage demo $(ARGS)

docs: ## write the generated pages under docs/ 生成文档
	@python="$$(sh deploy/find-python.sh)" && exec "$$python" -m deploy.manage document

lock: ## pin the dependencies of pyproject.toml, with hashes 锁定依赖版本
	@python="$$(sh deploy/find-python.sh)" && "$$python" -m venv build/lock
	@build/lock/bin/python -m pip install --quiet uv==$(UV_VERSION)
	$(LOCK_WITH) pyproject.toml --output-file requirements.txt
	$(LOCK_WITH) --group pyproject.toml:test --constraint requirements.txt --output-file tests/requirements.txt

clean: ## remove what was built; the data and .venv stay 清理生成物
	rm -rf build .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -not -path './.venv/*' -prune -exec rm -rf {} +
