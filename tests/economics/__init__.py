"""The figures of docs/economics.md: `python -m tests.economics` writes them anew."""
