"""Latency traces as pages and pictures."""
