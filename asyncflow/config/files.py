"""Finding and reading the YAML files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from asyncflow.config.report import Report
from asyncflow.config.tree import place_of_file

_SUFFIXES = (".yaml", ".yml")


def read_files(paths: Sequence[Path | str], report: Report) -> dict[str, str]:
    """File name -> text, each file once; what cannot be read is reported."""
    sources: dict[str, str] = {}
    seen: set[Path] = set()
    for given in paths:
        for file in _files_of(Path(given), report):
            resolved = file.resolve()
            if resolved in seen:
                continue
            seen.add(resolved)
            text = _text_of(file, report)
            if text is not None:
                sources[str(file)] = text
    return sources


def _files_of(path: Path, report: Report) -> Iterator[Path]:
    if not path.is_dir():
        yield path
        return
    found = sorted(_visible(path))
    if not found:
        hint = "files must end in .yaml or .yml; hidden ones are skipped"
        report.add("F110", f"the folder {path} holds no YAML file", place_of_file(str(path)), hint=hint)
    yield from found


def _visible(folder: Path) -> Iterator[Path]:
    for file in folder.rglob("*"):
        hidden = any(part.startswith(".") for part in file.relative_to(folder).parts)
        if file.suffix in _SUFFIXES and not hidden and file.is_file():
            yield file


def _text_of(file: Path, report: Report) -> str | None:
    try:
        return file.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        message = f"{file} is not UTF-8: byte {error.start} is 0x{error.object[error.start]:02x}"
        report.add("F102", message, place_of_file(str(file)), hint="save it as UTF-8")
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        report.add("F101", f"{file} cannot be read: {reason}", place_of_file(str(file)))
    return None
