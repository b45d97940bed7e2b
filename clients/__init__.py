"""The programs that a person runs: live captions and the demo (installed as ``streamkit_clients``)."""
