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
import hmac
import os
import secrets
from functools import cache
from pathlib import Path

from grader.book.errors import KoansError, read_file, writing

DRAWN = 2**31  # the least seed that is drawn: see `seed_of` in the pytest plugin
DIGITS = 4  # hexadecimal
SALT = b"koans seed"  # fixed, because the same seed has the same digest on every machine
WORK = 2**14  # scrypt's n
SECRET = "secret"  # the file beside assignment.toml
BYTES = 32  # of a secret


@cache
def digest(seed: int) -> str:
    """The digest of a seed, such as "3f9a". It is the same everywhere."""
    return hashlib.scrypt(str(seed).encode(), salt=SALT, n=WORK, r=8, p=1, dklen=DIGITS // 2).hex()


def draw() -> int:
    """A random seed for a grading, too large to be found by trying."""
    return DRAWN + secrets.randbelow(2**53 - DRAWN)


def derived(secret: bytes, student: str = "") -> int:
    """The seed of a student, or of a whole class: HMAC-SHA256 of the student's id, with the assignment's secret as key.

    The same secret and id give the same seed everywhere. Nobody learns the secret, or the seed of another student, from
    a seed. A seed has at most 53 bits, and is as large as one that is drawn.
    """
    code = hmac.digest(secret, b"koans seed\0" + student.encode("utf-8", "surrogateescape"), "sha256")
    return DRAWN + int.from_bytes(code) % (2**53 - DRAWN)


def new_secret(file: Path) -> None:
    """Write a new secret that only its owner may read. One that exists stays. Raises KoansError."""
    with writing(file):
        try:
            number = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return
        with open(number, "w", encoding="ascii") as stream:
            stream.write(secrets.token_hex(BYTES) + "\n")


def read_secret(file: Path) -> bytes:
    """The secret in a file, or empty bytes if there is no file. Raises KoansError if it is no secret of ours."""
    if not file.exists():
        return b""
    try:
        secret = bytes.fromhex(read_file(file, 4096).decode("ascii"))
    except ValueError:
        secret = b""
    if len(secret) < BYTES:
        raise KoansError(f"{file}: is not a secret of {2 * BYTES} digits, as `koans assignment new` writes it")
    return secret
