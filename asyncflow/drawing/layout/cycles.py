"""Which arcs close a cycle: those that must go back up."""

from __future__ import annotations

from collections.abc import Iterator, Sequence


def back_arcs(count: int, arcs: Sequence[tuple[int, int]]) -> frozenset[int]:
    """The arcs, by position, that a walk from the first cell onwards finds to lead to where it came from."""
    leaving: list[list[int]] = [[] for _ in range(count)]
    for position, (source, _) in enumerate(arcs):
        leaving[source].append(position)
    seen = [False] * count
    found: set[int] = set()
    for first in range(count):
        if not seen[first]:
            found.update(_walk(first, arcs, leaving, seen))
    return frozenset(found)


def _walk(
    first: int, arcs: Sequence[tuple[int, int]], leaving: Sequence[Sequence[int]], seen: list[bool]
) -> Iterator[int]:
    """Depth first, without recursion: chains may be longer than Python's stack."""
    seen[first] = True
    path = {first}
    stack = [(first, iter(leaving[first]))]
    while stack:
        cell, rest = stack[-1]
        position = next(rest, None)
        if position is None:
            stack.pop()
            path.discard(cell)
            continue
        target = arcs[position][1]
        if target in path:
            yield position
        elif not seen[target]:
            seen[target] = True
            path.add(target)
            stack.append((target, iter(leaving[target])))
