"""The programs that a person runs: captions and the demo (installed as `streamkit_clients`)."""
