"""Wire messages to session events and back, pure: bytes and text in, dataclasses out."""
