"""The wheel of this checkout, and an environment in which it is installed."""

import os
import subprocess
import sys
import sysconfig
from pathlib import Path


def built(source, kind, folder):
    """Build a wheel or an sdist from a source tree, with the build backend that pip would use."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", str(folder)]
    run = subprocess.run(command, cwd=source, capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stderr
    return next(folder.glob("*.whl" if kind == "wheel" else "*.tar.gz"))


class Installed:
    """An environment with the installed wheel. Other packages come from the environment of this test, ours do not.

    For a folder instead of a wheel, the environment names this folder, as an editable installation does.
    """

    def __init__(self, folder, wheel):
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True, timeout=120)
        self.bin = folder / ("Scripts" if sys.platform == "win32" else "bin")
        self.python = self.bin / "python"
        self.site = Path(self.run("-c", "import sysconfig; print(sysconfig.get_paths()['purelib'])").stdout.strip())
        if wheel.is_dir():
            (self.site / "koans.pth").write_text(str(wheel))
        else:
            install = ["install", "--quiet", "--no-deps", "--no-index", str(wheel)]
            subprocess.run([sys.executable, "-m", "pip", "--python", self.python, *install], check=True, timeout=120)
        # Python reads no .pth file of these folders, so the checkout, which is installed by one, stays out.
        others = {sysconfig.get_paths()["purelib"], *(p for p in sys.path if p.endswith("site-packages"))}
        (self.site / "zz_others.pth").write_text("\n".join(sorted(others)))

    def run(self, *args, cwd=None, program="", code=0):
        command = [str(self.bin / program)] if program else [str(self.python)]
        environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "VIRTUAL_ENV")}
        run = subprocess.run(
            [*command, *args], cwd=cwd, env=environment, capture_output=True, text=True, timeout=300, encoding="utf-8"
        )
        assert run.returncode == code, run.stdout + run.stderr
        return run
