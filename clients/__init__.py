"""The programs that a person runs: captions, talk, the demo (installed as `streamkit_clients`)."""
