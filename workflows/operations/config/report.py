"""What `oriane config --json` prints."""

from __future__ import annotations

from components.records.record import Record


class Setting(Record):
    """A variable as it is in effect; a credential's value is not shown."""

    name: str
    value: str
    source: str
    meaning: str


class StoreAnswer(Record):
    """Whether a store answers; `detail` says where it is, or why it does not.

    One that the deployment does without, as Postgres with LOCAL_MODE, is not `used`.
    """

    store: str
    answers: bool
    detail: str
    used: bool = True


class Configuration(Record):
    """All settings, the stores that follow from them, and variables that are ignored."""

    settings: tuple[Setting, ...]
    stores: tuple[StoreAnswer, ...]
    ignored: tuple[str, ...]
