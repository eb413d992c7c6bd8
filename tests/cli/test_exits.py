"""Which error leads to which exit code, and how it is told."""

import click
import pytest
from click.testing import CliRunner

from asyncflow import errors
from asyncflow.cli.exits import Exit, exit_of, expected
from asyncflow.cli.group import Commands
from asyncflow.errors import BrokerError, RequestError, StoreError, StoreInUseError, UnknownFlowError, UnknownRunError


def ended_by(error: BaseException) -> click.testing.Result:
    group = Commands("asyncflow")

    @group.command()
    def fail() -> None:
        raise error

    return CliRunner().invoke(group, ["fail"])


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.ConfigurationError([]), 2),
        (RequestError("x"), 2),
        (errors.InvalidNodeArgsError("x"), 2),
        (errors.SelectiveNoPathError("f", ["t"]), 2),
        (errors.InvalidPayloadError("x"), 2),
        (errors.SignalRefusedError("x"), 4),
        (UnknownFlowError("f"), 3),
        (UnknownRunError("r"), 3),
        (errors.AmbiguousRunError("r", ["r1", "r2"]), 4),
        (StoreInUseError("x"), 4),
        (errors.FencedError("x"), 4),
        (BrokerError("x"), 5),
        (StoreError("x"), 5),
        (errors.StorageError("x"), 5),
        (errors.NoDispatcherError("x", 1), 5),
        (errors.RunFailedError("r", "f", "x"), 1),
    ],
)
def test_each_error_has_its_exit_code(error: errors.AsyncflowError, code: int) -> None:
    assert exit_of(error) == code
    assert ended_by(error).exit_code == code


def test_an_error_is_one_line_and_a_hint_without_a_traceback() -> None:
    done = ended_by(BrokerError("the broker at amqp://x is away"))
    first, hint = done.stderr.splitlines()
    assert first == "error: the broker at amqp://x is away"
    assert hint.startswith("hint: is the broker running")
    assert done.stdout == ""


def test_an_error_that_task_groups_have_wrapped_is_told_as_it_is() -> None:
    done = ended_by(ExceptionGroup("tasks", [ExceptionGroup("more", [UnknownFlowError("f")])]))
    assert done.exit_code == Exit.NOT_FOUND
    assert done.stderr == "error: no flow is named 'f'\n"


def test_a_bug_keeps_its_traceback() -> None:
    bug = KeyError("x")
    assert ended_by(bug).exception is bug
    group = ExceptionGroup("tasks", [bug, UnknownFlowError("f")])
    assert expected(group) is None
    assert ended_by(group).exception is group


def test_an_interrupt_ends_with_130() -> None:
    assert ended_by(KeyboardInterrupt()).exit_code == Exit.INTERRUPTED
