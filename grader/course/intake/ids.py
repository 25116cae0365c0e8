"""Gives each submission of a batch an id that is safe as a file name on every system."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence

LONGEST = 60  # characters of an id
DIGEST = 8  # characters of the digest that tells names apart whose safe forms are equal
SAFE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")
# Windows opens a device for these names, also if a suffix follows.
RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)


def identify(submissions: Sequence[tuple[str, str]]) -> list[str]:
    """Ids for submissions that are given as pairs of name and origin.

    An id has at most 60 ASCII letters, digits, `.`, `_` and `-`. No two ids are equal if case is ignored. A name that
    is safe and unique is its own id. Other ids end with a digest of the name, so that they do not depend on the rest of
    the batch. If several submissions have one name, the digest includes the origin.
    """
    by_name = Counter(name for name, _ in submissions)
    by_case = Counter(name.lower() for name in by_name)
    keeps = {name for name, count in by_name.items() if count == 1 and by_case[name.lower()] == 1 and is_safe(name)}
    taken = {name.lower() for name in keeps}
    ids = []
    for name, origin in submissions:
        if name in keeps:
            ids.append(name)
            continue
        text = name if by_name[name] == 1 else f"{name}\0{origin}"
        one, attempt = _with_digest(name, text), 0
        while one.lower() in taken:  # the same name and origin twice, or a name that looks like the id of another
            attempt += 1
            one = _with_digest(name, f"{text}\0{attempt}")
        taken.add(one.lower())
        ids.append(one)
    return ids


def is_safe(name: str) -> bool:
    """Whether a file may have this name on every system."""
    return bool(SAFE.fullmatch(name)) and len(name) <= LONGEST and name[-1] != "." and not RESERVED.fullmatch(name)


def _with_digest(name: str, text: str) -> str:
    """The safe characters of the name, and a digest of the text."""
    plain = unicodedata.normalize("NFKD", name[: 4 * LONGEST]).encode("ascii", "ignore").decode()
    slug = re.sub(r"[^A-Za-z0-9._-]+", "_", plain).strip("._-") or "submission"
    if RESERVED.fullmatch(slug):
        slug = f"_{slug}"
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:DIGEST]
    return f"{slug[: LONGEST - DIGEST - 1]}-{digest}"
