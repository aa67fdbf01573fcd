"""Retrieval collections in the layouts that people have them in."""
