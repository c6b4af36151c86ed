"""Scalp photos with known truth."""
