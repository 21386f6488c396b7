"""Names that only their Unicode form tells apart: é, and e with an accent after it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from unicodedata import is_normalized, normalize


def lookalikes(names: Callable[[], Iterable[str]]) -> Iterator[list[str]]:
    """Yield the names that are equal in Unicode's form NFC, escaped to ASCII, so that they differ.

    S3 tells such names apart, and so does everything that is derived from them.

    Args:
        names: Is called twice, so that no more is kept than the few that are not in this form, of
            which any two that are equal in it have at least one.
    """
    forms: defaultdict[str, set[str]] = defaultdict(set)
    for name in names():
        if not is_normalized("NFC", name):
            forms[normalize("NFC", name)].add(name)
    for name in names() if forms else ():
        if name in forms:
            forms[name].add(name)
    for alike in forms.values():
        if len(alike) > 1:
            yield [
                name.encode("ascii", "backslashreplace").decode() for name in sorted(alike)[::-1]
            ]
