# Run this cell first. It finds the workbook or fetches it, and says what this machine can run.
import importlib.util
import subprocess
import sys
from pathlib import Path

CHAPTER, VERSION = "", ""
SOURCE, COMMIT = "", ""


def find_workbook() -> Path:
    """A workbook in this folder or above it, an installed one, or a fetched one. If there is none, get it now."""
    fetched = Path("workbook").resolve()
    spec = importlib.util.find_spec("grader")
    installed = [Path(spec.origin).parents[1]] if spec and spec.origin else []
    for folder in (Path.cwd(), *Path.cwd().parents, *installed, fetched):
        file = folder / "pyproject.toml"
        if file.is_file() and "[tool.koans]" in file.read_text(encoding="utf-8"):
            return folder
    if not SOURCE:
        raise SystemExit(
            "There is no workbook in this folder or above it, and this notebook has no address to fetch one from: "
            "open the notebook in the folder of a workbook, or export it again with --source ADDRESS."
        )
    if "==" in SOURCE:
        make_folder(fetched)
        return fetched
    print(f"fetching {SOURCE} at {COMMIT[:12] or 'its newest'} …", flush=True)
    for command in (
        ["git", "init", "--quiet", str(fetched)],
        ["git", "-C", str(fetched), "fetch", "--quiet", "--depth", "1", SOURCE, COMMIT or "HEAD"],
        ["git", "-C", str(fetched), "checkout", "--quiet", "FETCH_HEAD"],
    ):
        run_or_stop(command, f"{SOURCE} could not be fetched")
    print(
        "installing its packages: this takes a minute, or several minutes if torch is not installed yet …", flush=True
    )
    run_or_stop(
        [sys.executable, "-m", "pip", "install", "--quiet", "-e", str(fetched)], "pip could not install the workbook"
    )
    return fetched


def make_folder(folder: Path) -> None:
    """Install the package, unless it is installed, and make a learner's folder with it."""
    if importlib.util.find_spec("grader") is None:
        print(f"installing {SOURCE}: this takes a minute, or several minutes without torch …", flush=True)
        run_or_stop([sys.executable, "-m", "pip", "install", "--quiet", SOURCE], f"pip could not install {SOURCE}")
    run_or_stop([sys.executable, "-m", "grader", "init", str(folder)], "the folder with the koans could not be made")


def run_or_stop(command: list[str], what: str) -> None:
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8", errors="replace")
    if done.returncode:
        raise SystemExit(f"{what}: {(done.stderr.strip() or 'no reason given').splitlines()[-1]}")


root = find_workbook()
sys.path[:0] = [str(root)] * (str(root) not in sys.path)
from grader.notebook import live  # noqa: E402

koan = live.start(root, CHAPTER, VERSION)
