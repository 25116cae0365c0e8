"""Counts what a msgpack document holds before it is decoded.

A decoder believes what a document says about itself: a list of a billion entries takes eight bytes for each entry, and
one wide character makes a text four times as large. So a worker's message is walked through first, which takes no
memory.
"""

from __future__ import annotations

from grader.book.serialization import ITEMS, LONGEST_TEXT, Malformed

ELEMENTS = 4 * ITEMS  # numbers, texts, lists and so on of one message together; a node has several
ALL_TEXT = 4 * LONGEST_TEXT  # bytes of all texts of one message together

# By the first byte of an element: how many bytes follow it, and how many of these say the length of what comes next.
_SIZES = {0xC0: 0, 0xC2: 0, 0xC3: 0, 0xCA: 4, 0xCB: 8} | {0xCC + i: 1 << i for i in range(4)}
_SIZES |= {0xD0 + i: 1 << i for i in range(4)}
_BYTES = {0xC4: 1, 0xC5: 2, 0xC6: 4}
_TEXTS = {0xD9: 1, 0xDA: 2, 0xDB: 4}
_LISTS = {0xDC: 2, 0xDD: 4}
_MAPS = {0xDE: 2, 0xDF: 4}


def check(body: bytes | bytearray) -> None:
    """Raise Malformed if the document holds too much, or claims more than there is."""
    at, end = 0, len(body)
    elements, text = 0, 0
    coming = 1  # elements that must still come
    while coming:
        elements += 1
        if elements > ELEMENTS:
            raise Malformed(f"more than {ELEMENTS} values in one message")
        if coming > end - at:
            raise Malformed("a message that ends too early")
        coming -= 1
        head = body[at]
        at += 1
        if head <= 0x7F or head >= 0xE0:  # a small integer
            continue
        if head >= 0xA0 and head <= 0xBF:
            text += head & 0x1F
            at += head & 0x1F
        elif head <= 0x8F:
            coming += 2 * (head & 0x0F)
        elif head <= 0x9F:
            coming += head & 0x0F
        elif head in _SIZES:
            at += _SIZES[head]
        else:
            width = _BYTES.get(head) or _TEXTS.get(head) or _LISTS.get(head) or _MAPS.get(head)
            if width is None:
                raise Malformed("a value of an unknown kind")
            length = int.from_bytes(body[at : at + width], "big")
            at += width
            if head in _LISTS:
                coming += length
            elif head in _MAPS:
                coming += 2 * length
            else:
                text += length if head in _TEXTS else 0
                at += length
        if text > ALL_TEXT:
            raise Malformed(f"more than {ALL_TEXT >> 20} MiB of text in one message")
    if at != end:
        raise Malformed("a message that does not end where its bytes end")
