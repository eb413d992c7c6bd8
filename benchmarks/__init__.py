"""Measurements of speed, each against a baseline on the same machine. `python -m benchmarks --help`."""
