"""A model in a process of its own: what is said to it, its loop, and who looks after it."""
