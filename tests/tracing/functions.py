"""What the flows and the traces of these tests name."""

from threading import get_ident


def three(results: object, node_args: object) -> list[int]:
    return [1, 2, 3]


def broken(results: object, node_args: object) -> list[int]:
    raise ValueError("no items today")


def reuse(*args: object, **kwargs: object) -> str:
    return "earlier-id"


def never_reuse(*args: object, **kwargs: object) -> None:
    return None


told: list[tuple[int, dict[str, object], int]] = []


def note(event: int, details: dict[str, object]) -> None:
    """A trace function."""
    told.append((event, details, get_ident()))
