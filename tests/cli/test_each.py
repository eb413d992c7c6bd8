"""Starting a run for each line of a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from asyncflow.cli.each import begin_each, lines_of
from asyncflow.cli.options import Wish
from asyncflow.client import TOGETHER, Client
from asyncflow.dispatcher.bulk import placed
from asyncflow.errors import InvalidNodeArgsError
from tests.dispatcher.test_headway import kitchen


def written(folder: Path, text: str) -> str:
    path = folder / "guests.jsonl"
    path.write_text(text, "utf-8")
    return str(path)


def test_empty_lines_are_left_out_and_ids_follow_from_the_lines(tmp_path: Path) -> None:
    source = written(tmp_path, '{"guests": 1}\n\n  null\r\n"x"')
    assert [(line.number, line.run_id, line.node_args) for line in lines_of(source, "night")] == [
        (1, "night-1", {"guests": 1}),
        (3, "night-3", None),
        (4, "night-4", "x"),
    ]
    drawn = {line.run_id for line in lines_of(source, None)}
    assert len(drawn) == 3


@pytest.mark.parametrize("wrong", ["{", "@/etc/passwd", "NaN", "1 2"])
def test_a_mistake_is_told_with_its_line(tmp_path: Path, wrong: str) -> None:
    with pytest.raises(InvalidNodeArgsError, match=r"line 2 of .*guests.jsonl is not JSON"):
        lines_of(written(tmp_path, f"1\n{wrong}\n"), None)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidNodeArgsError, match=r"none\.jsonl cannot be read: no such file"):
        lines_of(str(tmp_path / "none.jsonl"), None)


async def test_every_line_becomes_a_run_with_the_labels_and_the_same_file_again_starts_none(tmp_path: Path) -> None:
    number = TOGETHER + 3
    lines = lines_of(written(tmp_path, "".join(f"{each}\n" for each in range(number))), "night")
    async with kitchen() as at:
        for _ in range(2):
            told: list[str] = []
            await begin_each(at.client, "baking", lines, Wish(label={"batch": "7"}), told.extend)
            assert told == [f"night-{each + 1}" for each in range(number)]
        runs = await at.client.list(labels={"batch": "7"}, limit=2 * number)
        assert len(runs) == number
        assert (await at.client.run(f"night-{number}").status()).report["node_args"] == number - 1


class Picky(Client):
    """Refuses the second of each lot, as a dispatcher whose schema it does not fit."""

    def __init__(self) -> None:
        pass

    async def start_many(self, *_: Any, **__: Any) -> Any:
        raise placed(InvalidNodeArgsError("node args must be an object"), 1)


async def test_what_a_dispatcher_refuses_is_told_with_its_line(tmp_path: Path) -> None:
    lines = lines_of(written(tmp_path, "\n{}\n\n7\n"), None)
    with pytest.raises(InvalidNodeArgsError, match="line 4: node args must be an object\nnothing was started"):
        await begin_each(Picky(), "baking", lines, Wish(), lambda _: None)
