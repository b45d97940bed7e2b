"""Samples and their clock: decoding, resampling, and the buffer that addresses each sample."""
