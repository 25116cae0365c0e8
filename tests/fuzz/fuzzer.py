"""Runs a fuzzer: makes inputs from a seed, checks them, and keeps those that break the property."""

from __future__ import annotations

import argparse
import hashlib
import random
import resource
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

CORPUS = Path(__file__).parent / "corpus"
SECONDS = 10  # of CPU time for one input
MEMORY = 1 << 30  # bytes that a fuzzer may allocate
INTERESTING = (0, 1, 2, 0x7F, 0xFF, 0x100, 0x7FFF, 0xFFFF, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFE, 0xFFFF_FFFF)


@dataclass(frozen=True)
class Fuzzer:
    """`make` returns an input. `check` raises an exception if the input breaks the property."""

    name: str
    make: Callable[[random.Random], bytes]
    check: Callable[[bytes], None]

    def corpus(self) -> list[Path]:
        """The inputs that are committed. Most of them broke the property once."""
        return sorted((CORPUS / self.name).iterdir())


class TooSlowError(BaseException):
    """An input took too much CPU time. Not an Exception, because the code under test must not catch it."""


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Raise TooSlowError in the block after so many seconds of CPU time."""

    def stop(*_: object) -> None:
        raise TooSlowError(f"more than {seconds} s")

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def fuzz(fuzzer: Fuzzer, seconds: float, seed: int, keep: Path) -> tuple[int, list[Path]]:
    """Check inputs for so many seconds. Returns their number, and the files of those that break the property."""
    end = time.monotonic() + seconds
    faults: dict[str, Path] = {}
    count, slowest = 0, 0.0
    while time.monotonic() < end and len(faults) < 20:
        data = fuzzer.make(random.Random(f"{seed} {count}"))
        start = time.process_time()
        try:
            with within(SECONDS):
                fuzzer.check(data)
        except (Exception, TooSlowError) as error:  # any exception is what this looks for
            lines = traceback.extract_tb(error.__traceback__)
            kind = f"{type(error).__name__} in {Path(lines[-1].filename).name}:{lines[-1].lineno}"
            if kind not in faults:
                keep.mkdir(parents=True, exist_ok=True)
                faults[kind] = keep / f"{fuzzer.name}-{hashlib.sha256(data).hexdigest()[:10]}"
                faults[kind].write_bytes(data)
                print(f"{faults[kind]}: seed {seed}, input {count}", file=sys.stderr)
                traceback.print_exception(error)
        slowest = max(slowest, time.process_time() - start)
        count += 1
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    print(
        f"{fuzzer.name}: seed {seed}, {count} inputs, {len(faults)} faults; the slowest took {slowest:.2f} s; {peak} MiB"
    )
    return count, list(faults.values())


def main(fuzzer: Fuzzer, arguments: Sequence[str] | None = None) -> int:
    """The command of a fuzzer."""
    parser = argparse.ArgumentParser(description=f"Fuzzes {fuzzer.name}s. Exit code 1 if an input breaks the property.")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument(
        "--keep", type=Path, default=Path("build/fuzz"), help="folder for inputs that break the property"
    )
    parser.add_argument("files", nargs="*", type=Path, help="check these inputs instead")
    options = parser.parse_args(arguments)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, used + MEMORY))
    for file in options.files:
        fuzzer.check(file.read_bytes())
    if options.files:
        return 0
    seed = random.randrange(1 << 32) if options.seed is None else options.seed
    return 1 if fuzz(fuzzer, options.seconds, seed, options.keep)[1] else 0


def mutated(data: bytes, rng: random.Random) -> bytes:
    """The bytes with a few changes of the usual kinds."""
    out = bytearray(data)
    for _ in range(rng.choice((0, 1, 1, 2, 5, 20))):
        at = rng.randrange(len(out) + 1)
        match rng.randrange(6):
            case 0:
                out[at : at + 1] = bytes([rng.randrange(256)])
            case 1:
                width = rng.choice((1, 2, 4, 8))
                out[at : at + width] = (rng.choice(INTERESTING) % (1 << 8 * width)).to_bytes(width, "little")
            case 2:
                del out[at : at + rng.choice((1, 4, 100))]
            case 3:
                out[at:at] = rng.randbytes(rng.choice((1, 4, 30)))
            case 4:
                other = rng.randrange(len(out) + 1)
                out[at:at] = out[other : other + rng.choice((4, 46, 512))]
            case _:
                if rng.random() < 0.2:
                    del out[at:]
    return bytes(out)
