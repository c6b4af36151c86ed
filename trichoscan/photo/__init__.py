"""A photo: reading, scale and quality."""
