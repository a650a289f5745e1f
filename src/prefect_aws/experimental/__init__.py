"""Former import paths of this package."""
