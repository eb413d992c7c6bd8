"""docs/performance.md says what the last measurement said."""

from benchmarks.document import DOCUMENT, RESULTS, latest, rewritten


def test_the_document_quotes_the_last_results():
    document = DOCUMENT.read_text()
    assert rewritten(document, latest()) == document, "run `make bench`, or take its table over"


def test_superseded_results_are_not_kept():
    assert len(list(RESULTS.glob("*.json"))) == 1
