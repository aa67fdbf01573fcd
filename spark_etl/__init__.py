"""Spark carries clir's kernels: one module a stage."""
