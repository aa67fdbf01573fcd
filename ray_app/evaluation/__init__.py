"""Ranking and scoring on Ray Data."""
