"""Texts: words and their keys, and lines of files."""
