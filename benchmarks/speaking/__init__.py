"""The parts of the benchmark of voices; see `streamkit_benchmarks.speech`."""
