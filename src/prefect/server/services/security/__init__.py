"""CSRF tokens and encryption at rest."""
