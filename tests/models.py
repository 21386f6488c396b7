"""Small models with random weights, saved to folders: enough to test loading and wiring."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from transformers import (
    CLIPConfig,
    CLIPImageProcessor,
    CLIPModel,
    CLIPProcessor,
    CLIPTokenizer,
    PreTrainedTokenizerFast,
    SiglipConfig,
    SiglipImageProcessor,
    SiglipModel,
    SiglipProcessor,
)

_TEXT = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
}
_VISION = {**_TEXT, "image_size": 32, "patch_size": 8}


def save_clip(
    folder: Path,
    seed: int = 0,
    dim: int = 24,
    *,
    text: dict[str, int] = _TEXT,
    vision: dict[str, int] = _VISION,
) -> Path:
    """Save a CLIP of `dim` dimensions; what `text` and `vision` do not say is as in ViT-B/32."""
    torch.manual_seed(seed)
    tokenizer = CLIPTokenizer(*_byte_vocabulary(folder), model_max_length=77)
    text = {**text, "vocab_size": len(tokenizer), "max_position_embeddings": 77}
    text |= {"eos_token_id": tokenizer.eos_token_id, "bos_token_id": tokenizer.bos_token_id}
    config = CLIPConfig(text_config=text, vision_config=vision, projection_dim=dim)
    CLIPModel(config).save_pretrained(folder)
    side = config.vision_config.image_size
    image = CLIPImageProcessor(
        size={"shortest_edge": side}, crop_size={"height": side, "width": side}
    )
    CLIPProcessor(image, tokenizer).save_pretrained(folder)
    return folder


def save_siglip(folder: Path, seed: int = 0) -> Path:
    """Save a SigLIP of 32 dimensions with a tokenizer of single words."""
    torch.manual_seed(seed)
    words = ["<pad>", "<unk>", "</s>", "a", "photo", "of", "cat", "dog"]
    core = Tokenizer(WordLevel({word: index for index, word in enumerate(words)}, "<unk>"))
    core.pre_tokenizer = Whitespace()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=core,
        pad_token="<pad>",
        unk_token="<unk>",
        eos_token="</s>",
        model_max_length=16,
        model_input_names=["input_ids"],
    )
    text = {**_TEXT, "vocab_size": len(words), "max_position_embeddings": 16}
    SiglipModel(SiglipConfig(text_config=text, vision_config=_VISION)).save_pretrained(folder)
    image = SiglipImageProcessor(size={"height": 32, "width": 32})
    SiglipProcessor(image, tokenizer).save_pretrained(folder)
    return folder


def _byte_vocabulary(folder: Path) -> tuple[str, str]:
    """Write a vocabulary of letters, without merges, for CLIP's tokenizer."""
    folder.mkdir(parents=True, exist_ok=True)
    letters = [chr(code) for code in range(33, 127)]
    tokens = letters + [f"{letter}</w>" for letter in letters]
    tokens += ["<|startoftext|>", "<|endoftext|>"]
    vocabulary, merges = folder / "vocab.json", folder / "merges.txt"
    vocabulary.write_text(json.dumps({token: index for index, token in enumerate(tokens)}))
    merges.write_text("#version: 0.2\n")
    return str(vocabulary), str(merges)
