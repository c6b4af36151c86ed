"""Counting and sizing."""
