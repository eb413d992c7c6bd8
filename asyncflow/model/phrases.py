"""Words for people."""


def counted(number: int, thing: str) -> str:
    """1 error, 2 errors, 1,000 errors."""
    return f"{number:,} {thing}" if number == 1 else f"{number:,} {thing}s"
