#!/usr/bin/env bash
# Gradescope runs this, as root, for each hand-in. All paths are relative to this file, which Gradescope copies to
# /autograder. To try it elsewhere, set KOANS_PYTHON to a Python that has what the workbook needs.
set -u
HERE="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
PYTHON="${KOANS_PYTHON:-/opt/koans/bin/python}"
export PYTHONPATH="$HERE/source/workbook"
mkdir -p "$HERE/results"
"$PYTHON" -P -m grader.course.container "$HERE" && exit 0

# Python itself did not start: setup.sh has failed.
cat > "$HERE/results/results.json" <<'JSON'
{
  "score": 0,
  "output": "The autograder could not start. This is no grade: tell your instructor.",
  "output_format": "text",
  "visibility": "visible",
  "stdout_visibility": "hidden"
}
JSON
