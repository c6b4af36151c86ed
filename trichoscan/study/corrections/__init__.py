"""What people corrected: the log of it, what stands after it, and the numbers that follow."""
