"""A virtual environment with the Celery before the newest, for workers of both. `python tests/old_celery.py` makes it."""

import fcntl
import subprocess
import sys
from pathlib import Path

VERSION = "5.6.3"
REQUIREMENTS = (f"celery=={VERSION}", "redis")

FOLDER = Path(__file__).parents[1] / ".cache" / "celery-5.6"


def python_with_old_celery() -> str:
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
    sys.stdout.write(f"{python_with_old_celery()}\n")
