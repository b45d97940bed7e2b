"""What streamkit does and costs, measured; installed as `streamkit_benchmarks`."""
