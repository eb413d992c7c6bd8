"""Which arcs close a cycle: those that must go back up.

They are found by how many arcs lead from the first cell to each: an arc of a cycle that leads to a nearer cell goes
back, unless the cycle is open without that. A walk that goes deep first would take what it happens to meet last.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def back_arcs(count: int, arcs: Sequence[tuple[int, int]]) -> frozenset[int]:
    """The arcs, by position, without which there is no cycle; each of them closes one."""
    after: list[list[int]] = [[] for _ in range(count)]
    for source, target in arcs:
        after[source].append(target)
    component = _components(after)
    depth = _depths(after)
    inner = [place for place, (source, target) in enumerate(arcs) if component[source] == component[target]]
    rising = [place for place in inner if depth[arcs[place][1]] <= depth[arcs[place][0]]]
    kept: list[list[int]] = [[] for _ in range(count)]
    for place in set(inner).difference(rising):
        kept[arcs[place][0]].append(arcs[place][1])
    back = set()
    for place in sorted(rising, key=lambda place: depth[arcs[place][0]] - depth[arcs[place][1]]):
        source, target = arcs[place]
        if _leads(kept, target, source):
            back.add(place)
        else:
            kept[source].append(target)
    return frozenset(back)


def _depths(after: Sequence[Sequence[int]]) -> list[int]:
    """How many arcs lead to each cell from the first one, or from the first of those that it does not reach."""
    depths = [-1] * len(after)
    for first in range(len(after)):
        if depths[first] < 0:
            depths[first] = 0
            queue = [first]
            for cell in queue:  # grows meanwhile
                for target in after[cell]:
                    if depths[target] < 0:
                        depths[target] = depths[cell] + 1
                        queue.append(target)
    return depths


def _leads(after: Sequence[Sequence[int]], source: int, target: int) -> bool:
    seen = {source}
    stack = [source]
    while stack:
        cell = stack.pop()
        if cell == target:
            return True
        new = [each for each in after[cell] if each not in seen]
        seen.update(new)
        stack.extend(new)
    return False


def _components(after: Sequence[Sequence[int]]) -> list[int]:
    """The number of each cell's strongly connected component, after Kosaraju."""
    before: list[list[int]] = [[] for _ in after]
    for source, targets in enumerate(after):
        for target in targets:
            before[target].append(source)
    component = [-1] * len(after)
    for number, root in enumerate(reversed(_finished(after))):
        if component[root] < 0:
            component[root] = number
            stack = [root]
            while stack:
                new = {source for source in before[stack.pop()] if component[source] < 0}
                for source in new:
                    component[source] = number
                stack.extend(new)
    return component


def _finished(after: Sequence[Sequence[int]]) -> list[int]:
    """The cells in the order in which a walk, deep first, leaves them."""
    seen: set[int] = set()
    order: list[int] = []
    for first in range(len(after)):
        stack: list[tuple[int, Iterable[int]]] = [] if first in seen else [(first, iter(after[first]))]
        seen.add(first)
        while stack:
            cell, rest = stack[-1]
            target = next((each for each in rest if each not in seen), None)
            if target is None:
                stack.pop()
                order.append(cell)
            else:
                seen.add(target)
                stack.append((target, iter(after[target])))
    return order
