"""The figures of docs/economics.md: `python -m tests.ops.economics` writes them anew."""
