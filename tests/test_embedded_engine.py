"""Qdrant Edge over a folder: shared by processes, whole after kills, clear about damage."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from uuid import uuid4

import numpy as np
import pytest

from components.errors import ConfigurationError, TransientError
from components.settings import IndexSettings, Settings
from components.stores.vectors.edge import (
    catalogue,
    known_points,
    reading,
    socket_file,
    takeover,
    wire,
)
from components.stores.vectors.edge import folder as edge_folder
from components.stores.vectors.edge.collection import EdgeCollection
from components.stores.vectors.edge.requests import GetCatalogue
from components.stores.vectors.edge.store import EdgeStore
from components.stores.vectors.frame_filter import FrameFilter
from components.stores.vectors.open import indexed_model, open_store
from components.stores.vectors.store import Neighbour
from tests.commands import invoked
from tests.deployment import copy, sparse_copy
from tests.kills import die_before, dies
from tests.points import points_below
from tests.vectors import framed, unit

# Holds the folder, says so, indexes videos one after the other and says each; never ends by itself.
WRITES = """
import sys
from components.settings import Settings
from components.stores.vectors.open import open_store
from tests.vectors import framed, unit
settings = Settings.load().having("index", url=sys.argv[1], engine=sys.argv[2]).index
store = open_store(settings)
store.collection().ensure("m", 4)
print("open", flush=True)
for line in sys.stdin:
    store.collection().replace(framed(code=line.strip()), unit(2), "m")
    print(line.strip(), flush=True)
    if line.strip() == "optimised":
        store.finish(store.current())
        print("finished", flush=True)
store.close()
print("closed", flush=True)
"""


class Process:
    """A process that writes videos into the folder as it is told to."""

    def __init__(self, folder: Path, engine: str = "edge", script: str = WRITES) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", script, str(folder), engine],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.said("open")

    def said(self, line: str) -> None:
        assert self.process.stdout
        assert self.process.stdout.readline().strip() == line

    def tell(self, code: str) -> None:
        assert self.process.stdin
        self.process.stdin.write(f"{code}\n")
        self.process.stdin.flush()

    def write(self, code: str) -> None:
        self.tell(code)
        self.said(code)

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            if stream:
                stream.close()

    def end(self) -> None:
        assert self.process.stdin
        self.process.stdin.close()
        self.said("closed")
        self.process.wait()
        assert self.process.stdout
        self.process.stdout.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "qdrant"


@pytest.fixture
def index(folder: Path) -> IndexSettings:
    return Settings.load().having("index", url=str(folder), timeout_s=20).index


@contextmanager
def opened(index: IndexSettings) -> Iterator[EdgeStore]:
    with closing(open_store(index)) as store:
        assert isinstance(store, EdgeStore)
        yield store


@contextmanager
def held_elsewhere(folder: Path) -> Iterator[Process]:
    process = Process(folder)
    try:
        yield process
    finally:
        process.kill()


def until(is_so: Callable[[], bool]) -> None:
    while not is_so():
        time.sleep(0.001)


def codes(store: EdgeStore) -> set[str | None]:
    return {point.code for point in store.collection().points()}


def test_a_full_disk_ends_no_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine writes into holes of mapped files, for which the kernel sends SIGBUS."""
    settings = Settings.load().having("index", url=str(tmp_path)).index
    store = open_store(settings)
    collection = store.collection()
    collection.ensure("m", 4)
    collection.replace(framed(code="before"), unit(2), "m")
    with monkeypatch.context() as patched:
        patched.setattr(
            "components.base.disk.shutil.disk_usage", lambda _: SimpleNamespace(free=5 * 2**20)
        )
        with pytest.raises(TransientError, match=r"5 MiB left on its disk.*VP_DATA_DIR"):
            collection.replace(framed(code="after"), unit(2), "m")
        assert {frame.code for frame in collection.frames()} == {"before"}
    collection.replace(framed(code="after"), unit(2), "m")
    store.close()


def test_others_search_and_write_through_the_holder(folder: Path, index: IndexSettings) -> None:
    with held_elsewhere(folder) as holder, opened(index) as store:
        assert not store.engine.holds  # type: ignore[attr-defined]
        holder.write("its")
        assert codes(store) == {"its"}
        store.collection().ensure("m", 4)
        store.collection().replace(framed(code="ours"), unit(2), "m")
        (best, *_) = store.collection().search(unit(2)[0].tolist(), 1)
        assert best.score == pytest.approx(1.0, abs=1e-4)
        assert codes(store) == {"its", "ours"}
        with pytest.raises(ConfigurationError, match="4 dimensions"):
            store.collection().ensure("other", 8)
        with pytest.raises(ConfigurationError, match="dimension"):
            store.collection().search([1.0, 2.0], 1)
        assert [member.points for member in store.members()] == [4]


def test_the_next_takes_the_folder_when_the_holder_ends(folder: Path, index: IndexSettings) -> None:
    holder = Process(folder)
    holder.write("its")
    with opened(index) as store:
        assert codes(store) == {"its"}
        holder.end()
        assert codes(store) == {"its"}
        assert store.engine.holds  # type: ignore[attr-defined]


def test_the_next_takes_the_folder_when_the_holder_is_killed(
    folder: Path, index: IndexSettings
) -> None:
    with held_elsewhere(folder) as holder, opened(index) as store:
        collection = store.collection()
        collection.ensure("m", 4)
        collection.replace(framed(code="before"), unit(2), "m")
        holder.write("its")
        holder.kill()
        assert (folder / socket_file.NAME).exists(), "a socket that nobody listens at"
        collection.replace(framed(code="after"), unit(2), "m")
        assert store.engine.holds  # type: ignore[attr-defined]
        assert codes(store) == {"before", "its", "after"}
        assert collection.holds(framed(code="after"), "m")


@pytest.mark.parametrize("videos", [1, 3, 40])
def test_what_was_answered_is_there_after_a_kill(
    folder: Path, index: IndexSettings, videos: int
) -> None:
    with held_elsewhere(folder) as holder:
        for number in range(videos):
            holder.write(f"v{number}")
        for number in range(videos, videos + 20):
            holder.tell(f"v{number}")
        holder.kill()
    with opened(index) as store:
        found = codes(store)
        assert found >= {f"v{number}" for number in range(videos)}
        for code in found:
            store.collection().replace(framed(code=str(code)), unit(2), "m")
            assert store.collection().holds(framed(code=str(code)), "m")


def test_killed_while_it_optimises(folder: Path, index: IndexSettings) -> None:
    with opened(index) as store:
        store.begin("m", 64)
        big = framed()
        frames = tuple(
            big.frames[0].model_copy(update={"number": n, "second": n / 10}) for n in range(3000)
        )
        target = store.find("m", 64)
        target.replace(big.model_copy(update={"frames": frames}), unit(3000, 64), "m")
        for number in range(1500):
            target.remove([big.point_id(frames[number])])
        kept = {big.point_id(frame) for frame in frames[1500:]}
    script = """
import sys
from components.settings import Settings
from components.stores.vectors.open import open_store
settings = Settings.load().having("index", url=sys.argv[1]).index
store = open_store(settings)
print("open", flush=True)
store.finish(store.find("m", 64))
"""
    with closing(socket.socket()):
        process = Process(folder, script=script)
        process.kill()
    with opened(index) as store:
        target = store.find("m", 64)
        assert {point.id for point in target.points()} == kept
        store.finish(target)
        assert {point.id for point in target.points()} == kept


@pytest.mark.parametrize(("graph_from", "of_graph"), [(10**6, False), (500, True)])
def test_a_large_collection_is_searched_by_bytes_and_answers_as_if_by_all(
    folder: Path,
    index: IndexSettings,
    monkeypatch: pytest.MonkeyPatch,
    graph_from: int,
    of_graph: bool,
) -> None:
    monkeypatch.setattr(edge_folder, "QUANTIZED_FROM_POINTS", 500)
    monkeypatch.setattr(edge_folder, "GRAPH_FROM_POINTS", graph_from)
    one, count = framed(), 2000
    frames = tuple(
        one.frames[0].model_copy(update={"number": n, "second": n / 10}) for n in range(count)
    )
    vectors = unit(count, 64)
    with opened(index) as store:
        store.begin("m", 64)
        target = store.find("m", 64)
        target.replace(one.model_copy(update={"frames": frames}), vectors, "m")
        store.finish(target)
        store.switch(target)
    assert list(folder.rglob("quantized*"))
    scores = vectors @ vectors[7]
    best = np.argsort(-scores)[:50]
    with opened(index) as store:
        collection = store.collection()
        near = collection.nearest(vectors[7].tolist(), 50, where=FrameFilter())
        late = collection.nearest(vectors[7].tolist(), 9, where=FrameFilter(from_second=100.0))
    found = [one.hit.frame_number for one in near]
    assert len({*found} & {*best.tolist()}) >= (45 if of_graph else 50)
    assert near[0].hit.score == 1
    assert near[-1].hit.score == pytest.approx(scores[found[-1]], abs=1e-4)
    assert all(one.hit.second >= 100 for one in late)


def test_searches_of_several_at_once_are_answered_as_if_each_was_alone(
    index: IndexSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, count = framed(), 500
    frames = tuple(
        one.frames[0].model_copy(update={"number": n, "second": n / 10}) for n in range(count)
    )
    vectors = unit(count, 64)
    asked = [
        partial(EdgeCollection.nearest, vector=vectors[at].tolist(), limit=limit, where=where)
        for at, (limit, where) in enumerate(
            itertools.product((1, 7, 60), (FrameFilter(), FrameFilter(from_second=20.0)))
        )
    ]
    passes: list[int] = []
    reads = reading.nearest

    def counting(shard: object, requests: list[object], known: object) -> object:
        passes.append(len(requests))
        return reads(shard, requests, known)

    with opened(index) as store:
        target = store.begin("m", 64)
        target.replace(one.model_copy(update={"frames": frames}), vectors, "m")
        alone = [ask(target) for ask in asked]
        monkeypatch.setattr(reading, "nearest", counting)
        short = partial(EdgeCollection.nearest, vector=[1.0], limit=1, where=FrameFilter())
        elsewhere = EdgeCollection(store.engine, index, "not_there")
        folder = store.engine._engine._engine
        with ThreadPoolExecutor(len(asked) + 3) as pool:
            with folder._lock:
                begun = [pool.submit(asked[0], target)]
                # It has its turn, and waits for the lock; the others wait for it.
                until(lambda: folder._nearest._busy and not folder._nearest._waiting)
                begun += [pool.submit(ask, target) for ask in asked[1:]]
                refused = [pool.submit(short, target), pool.submit(asked[0], elsewhere)]
                until(lambda: len(folder._nearest._waiting) == len(asked) + 1)
            assert [each.result() for each in begun] == alone
            with pytest.raises(ConfigurationError, match="refuses"):
                refused[0].result()
            with pytest.raises(ConfigurationError, match="not_there"):
                refused[1].result()
            passes.clear()
            with folder._lock:
                begun = [pool.submit(asked[0], target)]
                until(lambda: folder._nearest._busy and not folder._nearest._waiting)
                begun += [pool.submit(ask, target) for ask in asked[1:]]
                until(lambda: len(folder._nearest._waiting) == len(asked) - 1)
            assert [each.result() for each in begun] == alone
    assert passes == [1, len(asked) - 1]


def test_what_was_read_once_is_as_it_is_now(
    folder: Path, index: IndexSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the engine remembers of points is forgotten by every change, and bounded."""
    one, vectors = framed(), unit(2)
    sketch = b64encode(bytes(range(72))).decode()
    sketched = tuple(frame.model_copy(update={"sketch": sketch}) for frame in one.frames)

    def read(collection: EdgeCollection) -> tuple[list[Neighbour], list[float]]:
        near = collection.nearest([1.0, 0, 0, 0], 10, where=FrameFilter())
        rows = collection.vectors([*(one.point_id(frame) for frame in one.frames), str(uuid4())])
        return near, np.concatenate([rows[point] for point in sorted(rows)] or [[]]).tolist()

    changes: list[Callable[[EdgeCollection], None]] = [
        lambda there: there.replace(one, vectors, "m"),
        lambda there: there.replace(framed(code="w"), vectors, "m"),
        lambda there: there.replace(one, vectors[::-1], "m"),
        lambda there: there.describe(one.model_copy(update={"frames": sketched})),
        lambda there: there.remove([one.point_id(one.frames[0])]),
        lambda there: there.replace(one.model_copy(update={"frames": ()}), vectors[:0], "m"),
    ]
    monkeypatch.setattr(known_points, "_PAYLOADS", 3)
    seen = []
    with opened(index) as store:
        store.collection().ensure("m", 4)
        for change in changes:
            read(store.collection())
            change(store.collection())
            seen.append(read(store.collection()))
            assert read(store.collection()) == seen[-1]
            # Another process, which remembers nothing of it.
            copied = sparse_copy(folder, folder.with_name(f"copy-{len(seen)}"))
            with opened(index.model_copy(update={"url": str(copied)})) as fresh:
                assert read(fresh.collection()) == seen[-1]
    assert len({repr(one) for one in seen}) == len(changes)


def test_a_switch_is_whole_or_not_at_all(folder: Path, index: IndexSettings) -> None:
    with opened(index) as store:
        store.collection().ensure("m", 4)
        other = store.begin("n", 8)
        before = catalogue.read(folder)
        (folder / "edge.json.new").write_text('{"half')
        store.switch(other)
        assert store.collection().model() == "n"
        current, former = store.current(), store.previous()
        assert current
        assert former
        assert (current.name, former.name) == (other.name, before.aliases["watched_frames"])
        store.roll_back(former)
        assert catalogue.read(folder).aliases == before.aliases


def test_garbage_and_newer_clients_are_turned_away(folder: Path, index: IndexSettings) -> None:
    with opened(index) as store, opened(index) as other:
        store.collection().ensure("m", 4)
        mode = (folder / socket_file.NAME).stat().st_mode & 0o777
        assert mode == 0o600
        for garbage in (b"GET / HTTP/1.1\r\n\r\n", b"OVE9" + bytes(8), b"OVE1" + b"\xff" * 8):
            with closing(socket_file.connect(folder)) as connection:
                connection.sendall(garbage)
                assert hung_up(connection)
        for header in (b"{}", b'{"request":{"call":"eval","code":"1"}}', b"\x80\x04."):
            with closing(socket_file.connect(folder)) as connection:
                connection.sendall(b"OVE1" + len(header).to_bytes(4, "little") + bytes(4) + header)
                assert hung_up(connection)
        with closing(socket_file.connect(folder)) as connection:
            wire.send(connection, wire.Call(request=GetCatalogue(), shape=(3, 4)))
            assert hung_up(connection)
        assert other.collection().model() == "m", "it goes on answering"


def hung_up(connection: socket.socket) -> bool:
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True


@pytest.mark.skipif(os.geteuid() != 0, reason="needs two users")
def test_a_process_of_another_user_gets_no_answer(folder: Path, index: IndexSettings) -> None:
    script = """
import os, socket, sys
os.setuid(65534)
here = socket.socket(socket.AF_UNIX)
try:
    here.connect(sys.argv[1])
    here.sendall(b"OVE1" + bytes(8))
    print("answered" if here.recv(1) else "turned away")
except (PermissionError, ConnectionResetError, BrokenPipeError):
    print("turned away")
"""
    with opened(index):
        # Even where the modes let it through; those of the folders above are not asked.
        folder.chmod(0o777)
        (folder / socket_file.NAME).chmod(0o777)
        relative = os.path.relpath(folder / socket_file.NAME, folder)
        done = subprocess.run(
            [sys.executable, "-c", script, relative],
            cwd=folder, capture_output=True, text=True, check=True,
        )  # fmt: skip
    assert done.stdout.strip() == "turned away", done.stderr


def test_a_holder_that_does_not_answer_is_named(folder: Path, index: IndexSettings) -> None:
    from components.stores.vectors.edge.folder import take

    lock = take(folder)
    assert lock
    with lock, pytest.raises(TransientError, match="in use by another process"):
        open_store(index.model_copy(update={"timeout_s": 1}))


@pytest.mark.parametrize("hurt", ["catalogue", "log", "segments", "gone"])
def test_a_damaged_folder_is_named_with_the_remedy(
    folder: Path, index: IndexSettings, hurt: str
) -> None:
    with opened(index) as store:
        store.collection().ensure("m", 4)
        store.collection().replace(framed(), unit(2), "m")
    (entry,) = catalogue.read(folder).collections.values()
    if hurt == "catalogue":
        (folder / "edge.json").write_text('{"half')
    elif hurt == "gone":
        shutil.rmtree(folder / entry.folder / "segments")
    else:
        below = folder / entry.folder / ("wal" if hurt == "log" else "segments")
        for path in below.rglob("*"):
            if path.is_file():
                path.write_bytes(b"\xff" * 64)
    with pytest.raises(ConfigurationError, match=r"qdrant.*oriane run"), opened(index) as store:
        list(store.collection().points())


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded")
def test_the_folder_of_the_local_mode_is_taken_over_once(
    folder: Path, index: IndexSettings, caplog: pytest.LogCaptureFixture
) -> None:
    old = index.model_copy(update={"engine": "local"})
    with closing(open_store(old)) as store:
        store.collection().ensure("m", 4)
        for number in range(3):
            store.collection().replace(framed(code=f"v{number}"), unit(2), "m", "print")
        before, switched = set(store.collection().points()), store.begin("n", 8)
        names = [member.name for member in store.members()]
    assert indexed_model(index) == ("m", 4), "read without taking it over"
    copy = sparse_copy(folder, folder.with_name("copy"))
    with opened(index) as store:
        assert set(store.collection().points()) == before
        assert [member.name for member in store.members()] == names
        assert store.find("n", 8).name == switched.name
        vectors = store.collection().vectors([point.id for point in before])
        assert store.collection().holds(framed(code="v1"), "m", "print")
    expected = np.sort(np.concatenate([unit(2)] * 3), axis=0)
    assert np.sort(np.array(list(vectors.values())), axis=0) == pytest.approx(expected, abs=1e-5)
    assert [record.message for record in caplog.records if "6 points" in record.message]
    caplog.clear()
    with opened(index) as store:
        assert set(store.collection().points()) == before
    assert not caplog.records
    with pytest.raises(ConfigurationError, match="QDRANT_EMBEDDED_ENGINE"):
        open_store(old)
    killed_in_takeover(copy, index.model_copy(update={"url": str(copy)}), before)


def killed_in_takeover(folder: Path, index: IndexSettings, before: set[object]) -> None:
    """Take over in processes that die at each change of the folder; nothing is lost."""
    changes = ((takeover, "make_shard"), (catalogue, "write"), (Path, "replace"))

    def taken_over(there: IndexSettings, number: int) -> None:
        die_before(number, changes)
        open_store(there).close()

    for number in itertools.count():
        fresh = sparse_copy(folder, folder.with_name(f"killed{number}"))
        there = index.model_copy(update={"url": str(fresh)})
        died = dies(partial(taken_over, there, number))
        with opened(there) as store:
            assert set(store.collection().points()) == before
        assert not (fresh / "meta.json").exists()
        if not died:
            break
    assert number >= 5


def test_without_a_wheel_the_local_mode_serves_and_says_so(
    folder: Path, index: IndexSettings, monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    import components.stores.vectors.open as opening

    monkeypatch.setattr(opening, "find_spec", lambda _: None)
    with closing(open_store(index)) as store:
        store.collection().ensure("m", 4)
        assert not isinstance(store, EdgeStore)
    assert "qdrant-client's local mode" in caplog.text
    monkeypatch.undo()
    with opened(index):
        pass
    monkeypatch.setattr(opening, "find_spec", lambda _: None)
    with pytest.raises(ConfigurationError, match=r"qdrant_edge.*\[index\]"):
        open_store(index)


def test_a_long_path_has_a_socket_too(tmp_path: Path, index: IndexSettings) -> None:
    deep = tmp_path / ("x" * 100) / ("y" * 100)
    there = index.model_copy(update={"url": str(deep)})
    with opened(there) as store, opened(there) as other:
        store.collection().ensure("m", 4)
        store.collection().replace(framed(), unit(2), "m")
        assert codes(other) == {framed().video.code}
    assert len(points_below(deep)) == 2


# A run in the middle of its work: it holds the folder, and nobody else changes it.
RUNS = """
import sys
from pathlib import Path
from components.settings import Settings
from components.stores.vectors.open import open_store
from workflows.local.sole_writer import sole_writer
settings = Settings.load().having("index", url=sys.argv[1]).having("ledger", local_mode=True)
with sole_writer(settings):
    store = open_store(settings.index)
    store.collection().model()
    print("open", flush=True)
    sys.stdin.read()
    store.close()
print("closed", flush=True)
"""


@pytest.mark.slow
def test_a_search_is_answered_and_a_second_run_refused_during_a_run(
    tmp_path: Path, deployment: Path
) -> None:
    copy(deployment, tmp_path)
    run = Process(tmp_path / "qdrant", script=RUNS)
    try:
        code, said = invoked("search", "a cat", "--json", data=tmp_path)
        assert code == 0, said
        assert len(json.loads(said)) > 1
        code, said = invoked("delete", "local/one", data=tmp_path)
        assert code == 0, "looking changes nothing"
        for refused in (("delete", "local/one", "--yes"), ("verify", "--repair", "--yes")):
            code, said = invoked(*refused, data=tmp_path)
            assert code == 75, said
            assert "in use by another process" in said
        run.end()
        code, said = invoked("verify", data=tmp_path)
        assert code == 0, said
    finally:
        run.kill()


# The first run, before it has indexed anything: alone with the stores, or one of several by leases.
BEGINS = RUNS.replace("    store.collection().model()\n", "")
BEGINS_LEASED = """
import sys
from types import SimpleNamespace
from components.settings import Settings
from workflows.local.signs_of_life import alive
settings = Settings.load()
with alive(SimpleNamespace(settings=settings, ledger=SimpleNamespace(leases=lambda: [])), "r"):
    print("open", flush=True)
    sys.stdin.read()
print("closed", flush=True)
"""


@pytest.mark.parametrize("script", [BEGINS, BEGINS_LEASED])
def test_a_search_during_the_first_run_says_that_it_is_under_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str
) -> None:
    monkeypatch.setenv("VP_DATA_DIR", str(tmp_path))
    assert invoked("watch", "add", "a cat", data=tmp_path)[0] == 0
    run = Process(tmp_path / "qdrant", script=script)
    try:
        for typed in (
            ("search", "a cat"),
            ("export", str(tmp_path / "frames.csv")),
            ("watch", "test", "a-cat"),
            ("model", "compare"),
            ("model", "switch", "--if-better"),
        ):
            code, said = invoked(*typed, data=tmp_path)
            assert (code, "nothing is indexed yet, and a run is under" in said) == (75, True), said
        run.end()
        code, said = invoked("search", "a cat", data=tmp_path)
        assert (code, "index videos first" in said) == (78, True), said
    finally:
        run.kill()
