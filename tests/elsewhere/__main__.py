"""`python -m tests.elsewhere windows [options of pytest]` runs the learner's suite with everything taken away.

With names of test files it runs these. `--part` runs the telling part that CI runs for each system.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from tests import suites
from tests.elsewhere import away
from tests.elsewhere.lacking import SYSTEMS

ROOT = Path(__file__).parents[2]
# Runs, cards and reviews of a learner, keys, the record of progress, and the model.
PART = (
    "tests/project/test_elsewhere.py",
    "tests/learn/test_keys.py",
    "tests/learn/test_learner.py",
    "tests/learn/test_stores.py",
    "tests/model/test_saying.py",
)


def main(arguments: list[str]) -> int:
    if not arguments or arguments[0] not in SYSTEMS:
        print(f"give a system: {' or '.join(SYSTEMS)}", file=sys.stderr)
        return 2
    mode, *options = arguments
    if "--part" in options:
        options = [option for option in options if option != "--part"] + [*PART]
    with tempfile.TemporaryDirectory() as folder:
        place = away.folder(Path(folder) / mode, mode)
        return subprocess.run(suites.command(options), cwd=ROOT, env=away.environment(place), check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
