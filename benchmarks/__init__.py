"""Benchmarks: this project and others over the same videos, on the same machine, in one run."""
