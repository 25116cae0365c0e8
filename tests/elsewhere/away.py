"""The folder that takes things away from every Python process that finds it."""

import json
import os
import shutil
import sys
from pathlib import Path

from tests.elsewhere.lacking import lacking, missing


def folder(place: Path, mode: str) -> Path:
    """Fill the folder, which is made. A Python process whose PYTHONPATH starts with it lacks what the system lacks."""
    place.mkdir(parents=True)
    shutil.copy(Path(__file__).with_name("take_away.py"), place / "sitecustomize.py")
    lacks = {"mode": mode, "missing": missing(mode), "lacking": lacking(mode)}
    (place / "lacks.json").write_text(json.dumps(lacks), encoding="utf-8")
    return place


def environment(place: Path) -> dict[str, str]:
    """The variables of a process from which everything is taken away."""
    given = os.environ.get("PYTHONPATH", "")
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(place), *filter(None, [given])])}


def mode() -> str:
    """What is taken away from this process: "windows", "macos", or nothing."""
    customized = sys.modules.get("sitecustomize")
    lacks = Path(customized.__file__).with_name("lacks.json") if customized and customized.__file__ else None
    return str(json.loads(lacks.read_text("utf-8"))["mode"]) if lacks and lacks.exists() else ""
