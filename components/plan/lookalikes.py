"""Names that only their Unicode form tells apart: é, and e with an accent after it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from unicodedata import normalize


def lookalikes(names: Iterable[str]) -> Iterator[list[str]]:
    """Yield the names that are equal in Unicode's form NFC, escaped to ASCII, so that they differ.

    S3 tells such names apart, and so does everything that is derived from them.
    """
    forms: defaultdict[str, set[str]] = defaultdict(set)
    for name in names:
        if not name.isascii():
            forms[normalize("NFC", name)].add(name)
    for alike in forms.values():
        if len(alike) > 1:
            yield [
                name.encode("ascii", "backslashreplace").decode() for name in sorted(alike)[::-1]
            ]
