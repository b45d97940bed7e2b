"""Text to sound, piece by piece."""
