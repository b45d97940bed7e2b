"""One module for each language that has a vocabulary."""
