"""XTTS v2: texts to latents to sound, for many sentences at once."""
