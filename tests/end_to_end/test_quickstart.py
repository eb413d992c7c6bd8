"""The quickstart, to the letter: every file and command in it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.reader import Reader


@pytest.mark.timeout(240)
def test_the_quickstart_can_be_followed_to_the_letter(tmp_path: Path, vhost: str) -> None:
    with Reader(tmp_path, "docs/quickstart.md", {"BROKER": vhost}) as reader:
        printed = {}
        for command in reader.commands:
            if command.startswith("asyncflow serve"):
                reader.environ["ASYNCFLOW_BROKER_URL"] = vhost
            printed[command] = reader.do(command)
        cake = json.loads(reader.do("asyncflow show cake --json"))
    shown = printed["asyncflow show pie"]
    assert "Price → Greet did not fire" in shown
    assert "Price: total = 6" in shown
    for line in shown.splitlines():  # the page shows it as it is, but for the times
        told = " ".join(line.split()[:2])
        assert told in " ".join(reader.text.split()), line
    assert {node["name"]: node["state"] for node in cake["nodes"]} == dict.fromkeys(
        ("Price", "Pack", "Send", "Greet"), "succeeded"
    )
    assert "cake" in printed["asyncflow list --label customer=ada --since 1h"]
