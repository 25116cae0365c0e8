"""Opens a file in the learner's own editor."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

from grader.book.errors import refusal


def edit(command: str, file: Path) -> str:
    """Run the editor and wait for its end. Returns a line about what went wrong, empty if nothing did."""
    try:
        words = shlex.split(command)
    except ValueError as error:  # an open quote
        return f"$EDITOR ({command}) is not a command: {error}"
    if not words:
        return "$EDITOR is blank; set it to the name of your editor"
    try:
        code = subprocess.run([*words, str(file)], check=False).returncode
    except FileNotFoundError:
        return f"{words[0]}: not found; set EDITOR to the name of your editor"
    except (OSError, ValueError) as error:
        return f"{words[0]} cannot be run: {refusal(error) or error}"
    except KeyboardInterrupt:
        return f"{words[0]} was interrupted"
    if code == 0:
        return ""
    return f"{words[0]} ended with exit code {code}" if code > 0 else f"{words[0]} was ended by signal {-code}"
