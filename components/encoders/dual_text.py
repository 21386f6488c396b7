"""The text side of a dual encoder: its text tower and tokenizer, without the picture tower.

Of CLIP ViT-B/32 that is 64 of 151 million parameters. The weights of the other tower are not read.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
import transformers
from transformers import AutoConfig, AutoTokenizer

from components.base.vectors import Vectors
from components.encoders.device import Device
from components.encoders.dual import cannot_be_loaded, location, padding
from components.encoders.encoder import normalized

if TYPE_CHECKING:
    from components.encoders.encoder import TextEncoder
    from components.settings import EmbedSettings

# The class of the text tower by the model's type, and the output that the whole model gives.
_TOWERS = {
    "clip": ("CLIPTextModelWithProjection", "text_embeds"),
    "siglip": ("SiglipTextModel", "pooler_output"),
}


def text_encoder(name: str, settings: EmbedSettings) -> TextEncoder:
    """Return the text side of the settings' model; the whole of one whose towers are not known.

    Raises:
        ConfigurationError: the model cannot be loaded or is not a dual encoder.
    """
    where, options = location(settings.model)
    try:
        config: Any = AutoConfig.from_pretrained(where, trust_remote_code=False, **options)
    except (OSError, ValueError, ImportError) as error:
        raise cannot_be_loaded(settings.model, error) from error
    if config.model_type not in _TOWERS:
        from components.encoders.dual import DualEncoder

        return DualEncoder(name, settings)
    return _DualTextEncoder(name, settings, config)


class _DualTextEncoder:
    """A text tower of transformers; gives what `get_text_features` of the whole model does."""

    def __init__(self, name: str, settings: EmbedSettings, config: Any) -> None:
        self.name = name
        self._device = Device(settings)
        where, options = location(settings.model)
        tower, self._output = _TOWERS[config.model_type]
        text = config.text_config
        # The whole model projects to the dimension that it names itself, whatever the tower's says.
        text.projection_dim = getattr(config, "projection_dim", None)
        try:
            self._model: Any = getattr(transformers, tower).from_pretrained(
                where, config=text, **options
            )
            self._tokenizer: Any = AutoTokenizer.from_pretrained(
                where, trust_remote_code=False, **options
            )
        except (OSError, ValueError, ImportError) as error:
            raise cannot_be_loaded(settings.model, error) from error
        self._model.eval().to(self._device.torch)
        self._padding = padding(config)
        self.dim = self.embed_texts(["a photo"]).shape[1]

    def embed_texts(self, texts: Sequence[str]) -> Vectors:
        inputs = self._tokenizer(
            list(texts), padding=self._padding, truncation=True, return_tensors="pt"
        )
        with torch.inference_mode(), self._device.precision():
            outputs = self._model(**inputs.to(self._device.torch))
        return normalized(getattr(outputs, self._output).float().cpu().numpy())
