"""Where an engine is: worker processes on this machine, or a scheduler that other machines reach.

Whoever reaches a scheduler or a worker of Dask can run code on all of its machines. So all connections between machines
use TLS with certificates. Only connections within a machine may do without.
"""

from __future__ import annotations

import ipaddress
import re
import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from grader.book.errors import KoansError
from grader.course.engine import certificates as files

PORT = 8786
FORMS = f"local:N, tcp://HOST:{PORT} or tls://HOST:{PORT}"
LOOPBACK = "127.0.0.1"
PATIENCE = 600.0  # seconds to wait for a scheduler that is not there yet
TRY = 5.0  # seconds for one connection


@dataclass(frozen=True)
class Local:
    """Worker processes on this machine. None: one for each core."""

    processes: int | None = None

    def __str__(self) -> str:
        return "local" if self.processes is None else f"local:{self.processes}"


@dataclass(frozen=True)
class Remote:
    """A scheduler."""

    scheme: Literal["tcp", "tls"]
    host: str
    port: int = PORT

    def __str__(self) -> str:
        return f"{self.scheme}://{place(self.host, self.port)}"


def place(host: str, port: int) -> str:
    """Host and port as addresses have them, with brackets around IPv6."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def parse(text: str) -> Local | Remote:
    """The engine that is meant. Raises KoansError, also if a connection to another machine would not be encrypted."""
    if match := re.fullmatch(r"local(?::(\d{1,4}))?", text):
        if match[1] and not int(match[1]):
            raise KoansError(f"{text}: at least one worker process is needed")
        return Local(int(match[1]) if match[1] else None)
    scheme, separator, rest = text.partition("://")
    if not separator or (scheme != "tcp" and scheme != "tls"):
        raise KoansError(f"'{text}' is no address of an engine: give {FORMS}")
    host, port = split(rest, PORT)
    if scheme == "tcp" and not is_loopback(host):
        raise KoansError(
            f"{text}: without encryption, everybody in the network could run code on all machines: use tls:// and "
            "--certificates (`koans engine certificates DIR` makes them)"
        )
    return Remote("tcp" if scheme == "tcp" else "tls", host, port)


def scheduler_at(text: str) -> Remote:
    """The address of a scheduler. Raises KoansError."""
    found = parse(text)
    if isinstance(found, Local):
        raise KoansError(f"'{text}' starts its own workers: give the address of a scheduler, tls://HOST:{PORT}")
    return found


def split(text: str, port: int | None = None) -> tuple[str, int]:
    """Host and port of HOST:PORT or [HOST]:PORT. `port` is used if none is given. Raises KoansError."""
    match = re.fullmatch(r"(?:\[([0-9A-Fa-f:.%]+)\]|([^\s:/@\[\]]+))(?::(\d{1,5}))?", text)
    number = int(match[3]) if match and match[3] else port
    if match is None or number is None or not 0 < number < 2**16:
        raise KoansError(f"'{text}' is not HOST:PORT, such as 10.0.0.5:{port or PORT}")
    return match[1] or match[2], number


def is_loopback(host: str) -> bool:
    """Whether only this machine can be meant."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def require_dask() -> None:
    """Raises KoansError if the packages of the extra `cluster` are not installed."""
    missing = [name for name in ("distributed", "bokeh", "cryptography") if find_spec(name) is None]
    if missing:
        raise KoansError(
            f"grading on Dask needs libraries that are not installed: pip install {' '.join(missing)} "
            "(or install koans with its extra `cluster`)"
        )


def certificates_for(address: Remote, folder: Path | None) -> files.Certificates | None:
    """The checked certificates for this address, or None for tcp://. Raises KoansError."""
    if address.scheme == "tcp":
        return None
    if folder is None:
        raise KoansError(f"{address} needs certificates: give --certificates DIR, or set KOANS_CERTIFICATES")
    return files.read(folder)


def wait_for(
    address: Remote,
    certificates: files.Certificates | None,
    *,
    patience: float = PATIENCE,
    on_wait: Callable[[], None] = lambda: None,
) -> None:
    """Wait until the scheduler accepts a connection, at most `patience` seconds. `on_wait` is called if it must.

    Raises KoansError if it does not come, or has other certificates.
    """
    end = time.monotonic() + patience
    waits = False
    while True:
        try:
            return _connect(address, certificates)
        except ssl.SSLError:
            raise KoansError(
                f"{address} does not use the certificates in {certificates and certificates.folder}: "
                "copy the same folder to all machines"
            ) from None
        except OSError as error:  # it does not run yet, or its name is not known yet
            why = error.strerror or str(error)
        if time.monotonic() >= end:
            raise KoansError(f"no scheduler at {address} ({why.lower()}): does `koans engine scheduler` run there?")
        if not waits:
            waits = True
            on_wait()
        time.sleep(min(1.0, patience))


def _connect(address: Remote, certificates: files.Certificates | None) -> None:
    with socket.create_connection((address.host, address.port), TRY) as connection:
        if certificates is not None:
            context = ssl.create_default_context(cafile=str(certificates.cert))
            context.load_cert_chain(certificates.cert, certificates.key)
            context.check_hostname = False  # all machines share one certificate
            context.verify_flags &= ~ssl.VERIFY_X509_STRICT
            context.wrap_socket(connection).close()


def check_free(host: str, port: int, option: str) -> None:
    """Raises KoansError if nothing can listen there. `option` chooses another place."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as one:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            one.bind((host, port))
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise KoansError(f"cannot listen at {place(host, port)} ({why}): {option} chooses another place") from None
