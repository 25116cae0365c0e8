"""Errors that are the user's to mend: one line saying what, where and what to do; exit code 2."""


class KoansError(Exception):
    """Bad input. The text is the whole message."""
