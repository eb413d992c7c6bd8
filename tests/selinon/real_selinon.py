"""A virtual environment with the real Selinon, for workers of it. `python tests/selinon/real_selinon.py` makes it."""

import fcntl
import subprocess
import sys
from pathlib import Path

VERSION = "1.4.0"
# Its adapter for Redis gives arguments to the client that version 6 of redis does not take any more.
REQUIREMENTS = (f"selinon=={VERSION}", "celery==5.7.0", "redis==5.3.1")

FOLDER = Path(__file__).parents[2] / ".cache" / "selinon"


def python_with_selinon() -> str:
    """The interpreter of that environment, which is made where it is missing."""
    python = FOLDER / "bin" / "python"
    done = FOLDER / f"made-{VERSION}"
    if not done.exists():
        FOLDER.parent.mkdir(exist_ok=True)
        (FOLDER.parent / ".gitignore").write_text("*\n")
        with FOLDER.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not done.exists():
                subprocess.run([sys.executable, "-m", "venv", "--clear", FOLDER], check=True)
                subprocess.run([python, "-m", "pip", "install", "-qq", *REQUIREMENTS], check=True)
                done.touch()
    return str(python)


if __name__ == "__main__":
    sys.stdout.write(f"{python_with_selinon()}\n")
