"""Commands of the `streamkit` program that are about the server or its models."""
