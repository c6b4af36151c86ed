"""A clinic's folder: what is in it, running over it, and the results."""
