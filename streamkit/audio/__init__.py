"""Samples and their clock: decoding, resampling, and the buffer that gives each sample an address."""
