"""Ranking and scoring on Ray Data, and the report."""
