"""Making weights and judging them."""
