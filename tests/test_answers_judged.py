"""The questions that answers are judged by, and the figures that are made of them."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.answers.judging import share_of_many, share_of_subjects
from benchmarks.answers.photographs import PHOTOGRAPHS, SECONDS, slides
from benchmarks.answers.questions import ABSENT, Judged, demonstration_texts, photograph_texts
from benchmarks.answers.reach import logistic, right_at_one_false_in_ten
from benchmarks.answers.signals import signals_table
from components.base.model_names import PACKAGED
from components.encoders.conse_text import ConseTextEncoder
from components.settings import Settings
from components.stores.vectors.store import StoredFrame
from workflows.search.background import random_texts
from workflows.search.question import Question


def test_what_is_not_there_is_neither_shown_nor_asked_by_the_background() -> None:
    asked = {text for one in (*demonstration_texts(), *photograph_texts()) for text in
             one.question.texts}  # fmt: skip
    assert len(set(ABSENT)) == 100
    assert asked.isdisjoint(ABSENT)
    background = {thing for text in random_texts() for thing in text.split(" and ")}
    assert background.isdisjoint(ABSENT)


def test_each_photograph_is_shown_once_and_its_texts_have_its_time() -> None:
    files = [file for one in PHOTOGRAPHS for file in one.files]
    shown = slides()
    assert sorted(file for file, _, _ in shown) == sorted(set(files))
    assert len({(video, start) for _, video, start in shown}) == len(files)
    for judged in photograph_texts():
        for video, start, end in judged.places:
            assert video.startswith("photographs/show")
            assert end - start == SECONDS


def test_shares_have_the_intervals_of_their_sources() -> None:
    none = share_of_many([False] * 100)
    assert (none.value, none.low) == (0, pytest.approx(0, abs=1e-12))
    assert none.high == pytest.approx(0.0370, abs=1e-4), "Wilson's, for none of a hundred"
    judged = [Judged(Question(texts=("x",)), (), subject) for subject in "aabbcc"]
    assert str(share_of_subjects(judged, [True] * 6)) == "100% (100%–100%)"
    # As the texts of a subject stand or fall together, there are three and not six.
    two = share_of_subjects(judged, [True, True, False, False, True, True])
    assert (two.value, two.low, two.high) == (pytest.approx(2 / 3), 0, 1)


def test_a_logistic_regression_finds_the_weights_that_made_its_data() -> None:
    random = np.random.default_rng(0)
    rows = random.normal(size=(20_000, 2))
    likely = 1 / (1 + np.exp(-(2 * rows[:, 0] - rows[:, 1] + 0.5)))
    found = logistic(rows, random.random(len(rows)) < likely)
    assert found == pytest.approx([2, -1, 0.5], abs=0.1)


def test_a_share_at_one_false_answer_in_ten() -> None:
    absent = np.array([False] * 4 + [True] * 11)
    right = np.array([True, True, False, True] + [False] * 11)
    values = np.array([9.5, 8.5, 20.0, 10.5, *range(11)])
    # The ninth of eleven is 9: of the four that are there, one is wrong and one below.
    assert right_at_one_false_in_ten(values, right, absent) == 0.5


def test_signals_are_judged_on_subjects_that_are_left_out() -> None:
    """Frames that look like what they are called are told from what is not there."""
    encoder = ConseTextEncoder(PACKAGED, Settings.load().having("embed", model=PACKAGED).embed)
    things = ("a tabby cat", "an espresso", "a tripod", "a yurt", "a cannon", "a mountain bike")
    frames = [
        StoredFrame(
            platform="p", code="c", frame_number=place, second=place, scene_start=place,
            scene_end=place + 1, path=f"p/c/{place}_{place}.00.png", model=PACKAGED, vector=row,
        )
        for place, row in enumerate(encoder.embed_texts(things))
    ]  # fmt: skip
    asked = [
        Judged(Question(texts=(thing,)), (("p/c", place, place + 0.5),), thing)
        for place, thing in enumerate(things)
    ]
    _, _, nothing, *others = signals_table(frames, encoder, asked, ABSENT[:20]).splitlines()
    assert nothing == "| nothing | 100% |"
    assert len(others) == 8
