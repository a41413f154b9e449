"""The commands behind ``ballast``, one module for each area."""
