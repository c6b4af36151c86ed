"""Baseline to follow-up: the same hairs again."""
