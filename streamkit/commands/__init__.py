"""One module for each command of the ``streamkit`` program that is about the server or its models."""
