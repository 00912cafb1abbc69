"""Measures of every speed that Bikewire promises: `make bench` runs them all, `python -m benchmarks.NAME` one.

Machines differ and are noisy: where a promise is a ratio, both sides run alternately in one benchmark.
"""
