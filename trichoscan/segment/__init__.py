"""Photo to maps to hairs."""
