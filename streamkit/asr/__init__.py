"""Recognizers behind one Protocol, words that grow, and one model shared by all sessions."""
