"""All contenders, in the order in which a repetition measures them."""

from __future__ import annotations

from benchmarks.contenders import floor, ours, pixeltable_frames, scenedetect_cli, step_by_step

# This project first: it says how many pictures the floor's model has to embed.
CONTENDERS = (
    ours.CONTENDER,
    ours.UNCONFINED,
    floor.CONTENDER,
    scenedetect_cli.CONTENDER,
    pixeltable_frames.CONTENDER,
    *step_by_step.CONTENDERS,
)
