"""Rankers: the families, a file each, and how their models are found, made, saved and asked."""
