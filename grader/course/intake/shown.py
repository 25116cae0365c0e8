"""Makes a stranger's text fit for a message."""


def shown(text: str, most: int = 80) -> str:
    """The text on one line, with escapes for what is not printable, and cut to `most` characters."""
    start = text[:most]
    if not start.isprintable():
        start = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in start)
    return start if len(start) <= most and len(text) <= most else f"{start[: most - 1]}…"
