"""Virtual environments for workers of other kinds than our own. `python tests/environments.py` makes them."""

import fcntl
import subprocess
import sys
from pathlib import Path

_FOLDER = Path(__file__).parents[1] / ".cache"


def python_with_old_celery() -> str:
    """The interpreter of an environment with the Celery before the newest."""
    return _python("celery-5.6.3", "celery==5.6.3", "redis")


def python_with_selinon() -> str:
    """The interpreter of an environment with the real Selinon."""
    # Its adapter for Redis gives arguments to the client that version 6 of redis does not take any more.
    return _python("selinon-1.4.0", "selinon==1.4.0", "celery==5.7.0", "redis==5.3.1")


def _python(name: str, *requirements: str) -> str:
    """Made where it is missing, by our own pip: a second one takes longer to install than all the rest."""
    folder = _FOLDER / name
    python, done = folder / "bin" / "python", folder / "made"
    if not done.exists():
        _FOLDER.mkdir(exist_ok=True)
        (_FOLDER / ".gitignore").write_text("*\n")
        with folder.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not done.exists():
                subprocess.run([sys.executable, "-m", "venv", "--clear", "--without-pip", folder], check=True)
                pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", python]
                subprocess.run([*pip, "install", "-qq", *requirements], check=True)
                done.touch()
    return str(python)


if __name__ == "__main__":
    for made in (python_with_old_celery(), python_with_selinon()):
        sys.stdout.write(f"{made}\n")
