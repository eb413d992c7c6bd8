"""Pictures of the page for README: docs/page-light.png and docs/page-dark.png.

`python tools/pictures.py` serves the demonstration with `asyncflow dev`, lets a run end, and looks at what failed in it, in
Chromium.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from playwright.sync_api import sync_playwright

DOCS = Path(__file__).parents[1] / "docs"
SIZE = {"width": 1280, "height": 860}
_PATIENCE = 60.0


@contextmanager
def demonstration() -> Iterator[str]:
    """`asyncflow dev` in an empty folder; gives its URL."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    command = [Path(sys.executable).with_name("asyncflow"), "dev", "--http", address]
    with tempfile.TemporaryDirectory(prefix="asyncflow-pictures-") as folder:
        served = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            yield f"http://{address}"
        finally:
            served.terminate()
            served.wait(20)


def ended_run(url: str) -> str:
    """The id of the run that the demonstration begins with, when it is over."""
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        try:
            runs = httpx.get(f"{url}/api/runs", timeout=5).json()["runs"]
        except httpx.TransportError:
            runs = []
        if runs and runs[0]["state"] != "running":
            return str(runs[0]["run_id"])
        time.sleep(0.2)
    raise TimeoutError(f"no run of the demonstration was over within {_PATIENCE:g} s")


def main() -> None:
    with demonstration() as url, sync_playwright() as driver:
        run = ended_run(url)
        browser = driver.chromium.launch(executable_path=shutil.which("chromium-headless-shell"), args=["--no-sandbox"])
        for theme in ("light", "dark"):
            page = browser.new_page(viewport=SIZE, color_scheme=theme)
            page.goto(f"{url}/#/runs/{run}")
            page.click("[data-node=BakePie]")
            page.get_by_text("the oven is broken").first.wait_for()
            page.wait_for_timeout(500)  # until everything has faded in
            page.screenshot(path=DOCS / f"page-{theme}.png")
        browser.close()


if __name__ == "__main__":
    main()
