"""The foundation: pure Python and Arrow, no engine."""
