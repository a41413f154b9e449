"""Card processors: where cards are charged, on pages of their own, and what they answer."""
