"""Is somebody speaking, and since when."""
