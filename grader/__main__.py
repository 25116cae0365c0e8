"""The command `koans`, also as `python -m grader`. Ctrl-C while modules are imported ends it without a traceback."""

import sys

try:
    from grader.cli import main
except KeyboardInterrupt:
    sys.exit(130)

if __name__ == "__main__":
    main()
