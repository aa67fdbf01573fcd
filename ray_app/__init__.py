"""Ray trains the rankers and evaluates them."""
