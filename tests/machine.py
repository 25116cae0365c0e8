"""`python -m tests.machine` prints the system and the versions of a machine, as one line of a list in Markdown.

It imports the standard library only: it also has to speak where the installation failed.
"""

import importlib.metadata
import platform


def version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def line() -> str:
    packages = ", ".join(f"{name} {version(name)}" for name in ("torch", "triton", "numpy", "pytest"))
    return f"- {platform.platform()} on {platform.machine()}, Python {platform.python_version()}, {packages}"


if __name__ == "__main__":
    print(line())
