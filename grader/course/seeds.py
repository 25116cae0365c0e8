"""What may be shown of an assignment's seed: a short digest, which tells whether two reports have the same seed.

With the seed itself a student draws at home the very inputs that the grader will use, and can write a function that
knows their answers. A digest must not give the seed away either:

- A fast hash tries millions of seeds in a second. scrypt takes about 30 ms and 16 MiB for each.
- Four digits are left of the result. Many seeds have the same digest, so no table tells which one it is.

Both need a seed that nobody guesses: let `koans grade` draw one, of 53 bits. A seed such as 1234 is among the first
that anyone tries, and a submission can compare the inputs that it is given, or print them. From a drawn seed each test
has its own by a hash (see `seed_of` in the pytest plugin), so inputs lead no further.
"""

from __future__ import annotations

import hashlib
import secrets
from functools import cache

DRAWN = 2**31  # the least seed that is drawn: see `seed_of` in the pytest plugin
DIGITS = 4  # hexadecimal
SALT = b"koans seed"  # fixed, because the same seed has the same digest on every machine
WORK = 2**14  # scrypt's n


@cache
def digest(seed: int) -> str:
    """The digest of a seed, such as "3f9a". It is the same everywhere."""
    return hashlib.scrypt(str(seed).encode(), salt=SALT, n=WORK, r=8, p=1, dklen=DIGITS // 2).hex()


def draw() -> int:
    """A random seed for a grading, too large to be found by trying."""
    return DRAWN + secrets.randbelow(2**53 - DRAWN)
