"""How well questions are answered: `python -m benchmarks.answers`, which writes docs/search.md."""
