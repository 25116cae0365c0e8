"""The key and certificate that scheduler, workers and client share. Whoever has both can run code on all of them."""

from __future__ import annotations

import contextlib
import datetime
import os
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from grader.book.errors import KoansError, read_file, writing

if TYPE_CHECKING:
    from distributed.security import Security

CERT, KEY = "cert.pem", "key.pem"
LARGEST = 1 << 20
MAKE = "`koans engine certificates DIR` makes them"


@dataclass(frozen=True)
class Certificates:
    """Files that were checked: they can be read, belong together, and are valid until `until`."""

    folder: Path
    until: datetime.datetime

    @property
    def cert(self) -> Path:
        return self.folder / CERT

    @property
    def key(self) -> Path:
        return self.folder / KEY


def make(folder: Path) -> Certificates:
    """Write a new key and its certificate, for the owner only. Raises KoansError if the folder has one of them."""
    from distributed.security import Security

    for name in (CERT, KEY):
        _check_new(folder / name)
    new = Security.temporary()
    with writing(folder):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    # The key first: a certificate without its key would be of no use.
    for name, text in ((KEY, str(new.tls_client_key)), (CERT, str(new.tls_client_cert))):
        _write(folder / name, text)
    return read(folder)


def _check_new(file: Path) -> None:
    if os.path.lexists(file):
        raise KoansError(f"{file} exists and is not replaced: name a new folder")


def _write(file: Path, text: str) -> None:
    """Write a new file that its owner alone may read, or nothing. Raises KoansError."""
    with writing(file):
        number = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with writing(file), open(number, "w", encoding="ascii") as stream:
            stream.write(text)
    except BaseException:  # the half of a key would be in the way of the next try
        with contextlib.suppress(OSError):
            file.unlink()
        raise


def read(folder: Path) -> Certificates:
    """The certificates in this folder. Raises KoansError if they cannot be used, or others may read the key."""
    folder = Path(os.path.abspath(folder))
    if not os.path.lexists(folder / CERT):
        raise KoansError(f"{folder} has no certificates ({CERT}, {KEY}): {MAKE}")
    data = read_file(folder / CERT, LARGEST)
    read_file(folder / KEY, LARGEST)
    _check_private(folder / KEY)
    start, end = _validity(folder / CERT, data)
    now = datetime.datetime.now(datetime.UTC)
    if now >= end:
        raise KoansError(f"{folder / CERT} expired on {end:%Y-%m-%d}: make new certificates in a new folder, for all")
    if now < start:
        raise KoansError(f"{folder / CERT} is not valid before {start:%Y-%m-%d %H:%M} UTC: check this machine's clock")
    try:
        ssl.create_default_context(cafile=str(folder / CERT)).load_cert_chain(folder / CERT, folder / KEY)
    except ssl.SSLError:
        raise KoansError(f"{folder / KEY} is not the key of {folder / CERT}: {MAKE}") from None
    return Certificates(folder, end)


def _check_private(key: Path) -> None:
    """Raises KoansError if other users may read the key. As for ssh, its group may if the file is another user's."""
    found = key.stat()
    if found.st_mode & (0o077 if found.st_uid == os.geteuid() else 0o007):
        raise KoansError(f"{key}: other users may read this key: chmod 600 {key}")


def _validity(file: Path, data: bytes) -> tuple[datetime.datetime, datetime.datetime]:
    from cryptography import x509

    try:
        found = x509.load_pem_x509_certificate(data)
    except ValueError:
        raise KoansError(f"{file} is not a certificate: {MAKE}") from None
    return found.not_valid_before_utc, found.not_valid_after_utc


def security(found: Certificates) -> Security:
    """The same for Dask: all parties have this certificate and trust no other."""
    from distributed.security import Security

    cert, key = str(found.cert), str(found.key)
    return Security(
        require_encryption=True,
        tls_ca_file=cert,
        **{f"tls_{role}_cert": cert for role in ("client", "scheduler", "worker")},
        **{f"tls_{role}_key": key for role in ("client", "scheduler", "worker")},
    )
