"""The evidence that the tile machine is right, in long runs. Exit code 1 if something differs without a reason.

python -m tests.fuzz.tiles types --programs 20000 --seed 1
python -m tests.fuzz.tiles values --programs 20000 --seed 1          20,000 of each kind
python -m tests.fuzz.tiles solutions                                 all answers of the kernel koans
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("types", "values", "solutions"))
    parser.add_argument("--programs", type=int, default=500, help="of each kind (default 500)")
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--kinds", default="", help="of values: some of elementwise, reductions, scans, products")
    parser.add_argument("--koans", default="", help="of solutions: some koans, separated by commas")
    parser.add_argument("--inputs", type=int, default=99, help="of solutions: so many inputs of each koan")
    parser.add_argument("--show", type=int, default=5, help="how many differences are printed in full")
    options = parser.parse_args(arguments)
    seed = random.SystemRandom().randrange(10**6) if options.seed is None else options.seed
    outcomes: Counter[str] = Counter()
    start, found = time.monotonic(), []
    print(f"{options.what}: seed {seed}", flush=True)
    for difference in differences(options, seed, outcomes):
        found.append(difference)
        if len(found) <= options.show:
            print(difference, flush=True)
    for name, number in sorted(outcomes.items()):
        print(f"{number:9,} {name}")
    print(f"{len(found)} differences, {time.monotonic() - start:.0f} s")
    for what, number in Counter(d.what[:100] for d in found).most_common(40):
        print(f"{number:9,} {what}")
    return 1 if found else 0


def differences(options: argparse.Namespace, seed: int, outcomes: Counter[str]) -> Iterator[Any]:
    if options.what == "types":
        from tests.fuzz.tiles import check_types

        yield from check_types.compare(seed, options.programs, outcomes)
    elif options.what == "values":
        from tests.fuzz.tiles import check_values

        for kind in options.kinds.split(",") if options.kinds else check_values.KINDS:
            yield from check_values.compare(kind, seed, options.programs, outcomes)
    else:
        from tests.fuzz.tiles import solutions

        koans = options.koans.split(",") if options.koans else ()
        yield from solutions.compare(koans, outcomes, options.inputs)


if __name__ == "__main__":
    sys.exit(main())
