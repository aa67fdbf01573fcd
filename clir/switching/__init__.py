"""Lexicons at work: code-switching, translating word by word, what a lexicon is worth."""
