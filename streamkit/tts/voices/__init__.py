"""Cloned voices: is a recording fit for one, where voices are kept, how they are found by name."""
