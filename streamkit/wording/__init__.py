"""Written text as it is said, word by word, and where its sentences end."""
