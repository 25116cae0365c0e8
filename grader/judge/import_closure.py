"""Which files of other koans must be at hand to run a koan's file, found without parsing it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from grader.book.koan_imports import RELATIVE, Imported, may_import
from grader.book.workbook import Koan

MOST = 1 << 20  # characters of all files that one file imports
TOO_MUCH = f"more than {MOST >> 20} MiB of other koans' files are imported"
KERNELS = "{koan} holds kernels, which cannot be imported: copy what you need"


def closure(koan: Koan, text: str, koans: Mapping[str, Koan], read: Callable[[Koan], Imported]) -> dict[str, Imported]:
    """The files that the koan's text may import, directly or through others, by koan id.

    It may list too many files. A stranger's text is not parsed for it.
    """
    found: dict[str, Imported] = {}
    waiting, length = [(koan, text)], 0
    while waiting:
        for other in _mentioned(*waiting.pop(), koans):
            if other.id == koan.id or other.id in found:
                continue
            file = Imported(refusal=KERNELS.format(koan=other.id)) if other.kind == "kernel" else read(other)
            length += len(file.text)
            found[other.id] = file if length <= MOST else Imported(refusal=TOO_MUCH)
            waiting.append((other, found[other.id].text))
    return found


def _mentioned(koan: Koan, text: str, koans: Mapping[str, Koan]) -> list[Koan]:
    """The koans that the words of a text may import."""
    if not may_import(text):
        return []
    relative = RELATIVE.search(text) is not None
    words = set(re.findall(r"\w+", text))
    chapters = words | ({koan.chapter} if relative else set())
    return [other for other in koans.values() if other.name in words and other.chapter in chapters]
