"""First stages."""
