"""What every store promises of removing, checking and exporting, and of snapshots."""

import json

import pytest

from asyncflow.errors import StoreError
from asyncflow.model.commands import SetTimer
from asyncflow.model.events import TimerKind
from asyncflow.model.run import ParentNode, Status
from asyncflow.model.run_filter import RunFilter
from asyncflow.model.snapshot import Snapshot
from asyncflow.ports import Batch, Message, Tail
from tests.stores.samples import advance, attempt, step, verdict


def ended(run_id, at, version=1, **header):
    return advance(run_id, version, status=Status.SUCCEEDED, ended_at=at, **header)


def child_of(root):
    return {"root_id": root, "parent_node": ParentNode(run_id=root, id="node")}


async def run_ids(store):
    return {header.run_id for header in await store.headers(RunFilter(children=True))}


# --- Retention ---


async def test_runs_that_ended_long_ago_are_removed(store):
    await store.commit(Batch(advances=(ended("old", 5.0), ended("new", 15.0), advance("live", 1))))
    assert await store.remove_ended(10.0, 100) == 1
    assert await store.remove_ended(10.0, 100) == 0
    assert await run_ids(store) == {"new", "live"}


async def test_all_that_is_stored_of_a_run_goes_with_it(store):
    timer = SetTimer(run_id="r", kind=TimerKind.RUN_TIMEOUT, due=9.0)
    snapshot = Snapshot(run_id="r", version=1, state=b"{}")
    await store.commit(step("r", 1, attempts=(attempt("t1", "r"),), timers=(timer,), snapshots=(snapshot,)))
    await store.commit(Batch(advances=(ended("r", 5.0, 2),), verdicts=(verdict("t1", result=b"1"),)))
    assert await store.remove_ended(10.0, 100) == 1
    assert await store.header("r") is None
    assert await store.tails(["r"]) == {"r": Tail()}
    assert await store.journal("r") == []
    assert await store.run_of(["t1"]) == await store.verdicts(["t1"]) == await store.results(["t1"]) == {}
    assert await store.timers() == []
    await store.commit(step("r", 1, attempts=(attempt("t1", "r"),)))


async def test_a_run_stays_while_one_of_its_retries_does(store):
    second = {"retry_of": "first", "first_run": "first"}
    third = {"retry_of": "second", "first_run": "first"}
    await store.commit(
        Batch(
            advances=(
                ended("first", 1.0),
                ended("second", 2.0, labels=second),
                ended("third", 20.0, labels=third),
                ended("other", 1.0),
            )
        )
    )
    assert await store.remove_ended(10.0, 100) == 1
    assert await run_ids(store) == {"first", "second", "third"}
    assert await store.remove_ended(30.0, 100) == 3


async def test_a_tree_is_kept_while_any_run_in_it_is_not_over(store):
    await store.commit(
        Batch(advances=(ended("r", 5.0), ended("a", 4.0, **child_of("r")), advance("b", 1, **child_of("r"))))
    )
    assert await store.remove_ended(10.0, 100) == 0
    await store.commit(Batch(advances=(ended("b", 12.0, 2, **child_of("r")),)))
    assert await store.remove_ended(10.0, 100) == 0
    assert await store.remove_ended(20.0, 100) == 3


async def test_the_children_of_a_live_root_are_kept(store):
    await store.commit(Batch(advances=(advance("r", 1), ended("a", 4.0, **child_of("r")))))
    assert await store.remove_ended(10.0, 100) == 0
    assert await run_ids(store) == {"r", "a"}


@pytest.mark.parametrize("owner", ["r", "a"])
async def test_a_tree_is_kept_while_an_attempt_in_it_has_no_verdict(store, owner):
    await store.commit(
        Batch(
            advances=(ended("r", 5.0), ended("a", 4.0, **child_of("r"))),
            attempts=(attempt("t1", owner, published=True),),
        )
    )
    assert await store.remove_ended(10.0, 100) == 0
    await store.commit(Batch(verdicts=(verdict("t1", "lost"),)))
    assert await store.remove_ended(10.0, 100) == 2


async def test_a_large_tree_is_removed_in_small_batches_with_its_root_last(store):
    children = tuple(ended(f"c{number}", 4.0, **child_of("r")) for number in range(25))
    await store.commit(Batch(advances=(ended("r", 5.0), *children)))
    removed = []
    while removed[-1:] != [0]:
        removed.append(await store.remove_ended(10.0, 10))
        assert ("r" in await run_ids(store)) == (sum(removed) < 26)
    assert removed == [10, 10, 6, 0]


async def test_the_oldest_trees_go_first(store):
    await store.commit(Batch(advances=tuple(ended(f"r{at}", float(at)) for at in (3, 1, 2))))
    assert await store.remove_ended(10.0, 2) == 2
    assert await run_ids(store) == {"r3"}


# --- Snapshots ---


async def test_a_run_is_loaded_from_its_latest_snapshot_and_the_entries_after_it(store):
    entries = tuple(advance("r", version).entry for version in range(1, 8))
    for version in range(1, 8):
        taken = (Snapshot(run_id="r", version=version, state=b"state %d" % version),) if version in (2, 5) else ()
        await store.commit(step("r", version, snapshots=taken))
    await store.commit(step("plain", 1))
    assert await store.tails(["r", "plain", "nobody"]) == {
        "r": Tail(snapshot=Snapshot(run_id="r", version=5, state=b"state 5"), entries=entries[5:]),
        "plain": Tail(entries=(advance("plain", 1).entry,)),
        "nobody": Tail(),
    }
    assert await store.journal("r") == list(entries)


async def test_a_snapshot_of_the_last_version_leaves_nothing_to_replay(store):
    snapshot = Snapshot(run_id="r", version=1, state=b"\x00\xff")
    await store.commit(step("r", 1, snapshots=(snapshot,)))
    assert await store.tails(["r"]) == {"r": Tail(snapshot=snapshot)}


async def test_a_snapshot_is_not_replaced_by_an_older_one_nor_kept_for_an_unknown_run(store):
    await store.commit(Batch(advances=(advance("r", 1), advance("r", 2))))
    await store.commit(Batch(snapshots=(Snapshot(run_id="r", version=2, state=b"2"),)))
    await store.commit(Batch(snapshots=(Snapshot(run_id="r", version=1, state=b"1"),)))
    await store.commit(Batch(snapshots=(Snapshot(run_id="nobody", version=1, state=b"1"),)))
    tails = await store.tails(["r", "nobody"])
    assert tails["r"].snapshot == Snapshot(run_id="r", version=2, state=b"2")
    assert tails["nobody"] == Tail()


# --- Check and export ---


async def test_a_store_in_use_is_found_to_be_sound(store):
    timer = SetTimer(run_id="r", kind=TimerKind.RUN_TIMEOUT, due=9.0)
    await store.commit(step("r", 1, attempts=(attempt("t1", "r"), attempt("t2", "r")), timers=(timer,)))
    await store.commit(step("r", 2, verdicts=(verdict("t1"),), snapshots=(Snapshot(run_id="r", version=2, state=b""),)))
    await store.commit(Batch(advances=(advance("a", 1, **child_of("r")), ended("old", 3.0))))
    assert [one for one in await store.check() if "fsync" not in one.message] == []


async def test_an_export_holds_headers_journals_attempts_and_results(store):
    message = Message(routing_key="ovens", body=b"[[1], {}, {}]", headers={"task": "bake"})
    await store.commit(
        step("r", 1, attempts=(attempt("t1", "r", message=message, due=3.0), attempt("t2", "r", published=True)))
    )
    await store.commit(step("r", 2, verdicts=(verdict("t2", result=b'{"eggs":3}'),)))
    await store.commit(step("other", 1))
    lines = [json.loads(line) async for line in store.export(["r"])]
    assert lines == [
        {"kind": "export", "form": 1},
        {
            "kind": "run",
            "run_id": "r",
            "flow": "dinner",
            "status": "running",
            "root_id": "r",
            "version": 2,
            "started_at": 1.0,
            "updated_at": 2.0,
            "ended_at": None,
            "labels": {},
            "error": None,
            "parent_node": None,
            "partition": 0,
        },
        {"kind": "entry", "run_id": "r", "version": 1, "at": 1.0, "facts": [["SourceMet", {"edge": 1}]]},
        {"kind": "entry", "run_id": "r", "version": 2, "at": 2.0, "facts": [["SourceMet", {"edge": 2}]]},
        {
            "kind": "attempt",
            "run_id": "r",
            "id": "t1",
            "task": "BakePie",
            "due": 3.0,
            "published_at": None,
            "message": {"routing_key": "ovens", "headers": {"task": "bake"}, "body": "[[1], {}, {}]"},
        },
        {
            "kind": "attempt",
            "run_id": "r",
            "id": "t2",
            "task": "BakePie",
            "due": 0.0,
            "published_at": 0.0,
            "verdict": "succeeded",
            "ended_at": 9.0,
            "result": {"eggs": 3},
        },
    ]


async def test_an_export_of_everything_holds_every_run_and_one_line_for_each_thing(store):
    await store.commit(Batch(advances=tuple(advance(f"r{number}", 1) for number in range(50))))
    binary = Message(routing_key="ovens", body=b"\xff\n")
    await store.commit(Batch(attempts=(attempt("t1", "r7", message=binary),)))
    lines = [line async for line in store.export()]
    assert all(line.endswith(b"\n") and line.count(b"\n") == 1 for line in lines)
    found = [json.loads(line) for line in lines]
    assert [one["run_id"] for one in found if one["kind"] == "run"] == [f"r{number}" for number in range(50)]
    assert [one["message"]["body_base64"] for one in found if one["kind"] == "attempt"] == ["/wo="]


# --- Leases ---


async def test_a_partition_is_held_by_one_owner_at_a_time(store):
    assert await store.acquire("p1", "ann", 30.0) == 1
    assert await store.acquire("p1", "ben", 30.0) is None
    assert await store.acquire("p2", "ben", 30.0) == 1
    assert [(one.partition, one.owner, one.epoch) for one in await store.leases()] == [
        ("p1", "ann", 1),
        ("p2", "ben", 1),
    ]
    assert all(25.0 < one.seconds_left <= 30.0 for one in await store.leases())


async def test_an_epoch_never_comes_twice(store):
    first = await store.acquire("p", "ann", 30.0)
    again = await store.acquire("p", "ann", 30.0)
    await store.release({"p": again})
    other = await store.acquire("p", "ben", 30.0)
    assert first < again < other


async def test_what_is_released_is_free_at_once_and_what_is_not_held_cannot_be_renewed(store):
    epoch = await store.acquire("p", "ann", 30.0)
    assert await store.renew({"p": epoch, "q": 1}, 30.0) == {"p"}
    await store.release({"p": epoch - 1, "q": 1})
    assert await store.renew({"p": epoch}, 30.0) == {"p"}
    await store.release({"p": epoch})
    assert await store.leases() == []
    assert await store.renew({"p": epoch}, 30.0) == set()
    assert await store.acquire("p", "ben", 30.0) is not None


async def test_a_lease_that_is_over_can_be_taken_and_its_former_owner_commits_nothing(store):
    epoch = await store.acquire("p", "ann", 0.0)
    later = await store.acquire("p", "ben", 30.0)
    with pytest.raises(StoreError, match=f"partition p is at epoch {later}, not {epoch}"):
        await store.commit(step("r", 1, fences=(("p", epoch),), attempts=(attempt("t1", "r"),)))
    assert await store.renew({"p": epoch}, 30.0) == set()
    assert await store.header("r") is None
    assert await store.unpublished() == []
    await store.commit(step("r", 1, fences=(("p", later),)))


async def test_whoever_holds_a_partition_commits_even_when_it_renews_late(store):
    epoch = await store.acquire("p", "ann", 0.0)
    await store.commit(step("r", 1, fences=(("p", epoch),)))
    assert await store.renew({"p": epoch}, 30.0) == {"p"}


async def test_a_partition_that_nobody_ever_took_fences_all(store):
    with pytest.raises(StoreError, match="partition q is at epoch 0, not 1"):
        await store.commit(step("r", 1, fences=(("q", 1),)))
