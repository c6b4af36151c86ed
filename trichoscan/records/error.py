"""What bad input raises."""


class TrichoscanError(Exception):
    """Bad input. The message names the file and the remedy and fits on one line."""
