"""The peer's own virtual environment, so that its requirements never meet ours."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

REQUIREMENTS = Path(__file__).with_name("requirements.txt")


def peer_python(directory: Path) -> Path:
    """Return the interpreter of an environment that holds the peer; make it where it is missing or outdated.

    Parameters
    ----------
    directory
        Where the environment is or will be; some 900 MB, a minute or two the first time.
    """
    python = directory / "bin" / "python"
    stamp = directory / "peer-requirements.txt"
    wanted = REQUIREMENTS.read_text()
    if not (python.exists() and stamp.exists() and stamp.read_text() == wanted):
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(directory)], check=True)
        install = [str(python), "-m", "pip", "install", "--quiet", "--requirement", str(REQUIREMENTS)]
        subprocess.run(install, check=True)
        stamp.write_text(wanted)
    return python
