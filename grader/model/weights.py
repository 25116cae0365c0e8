"""The files of a model: `config.json` and `model.safetensors`, as transformers reads and writes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import torch
from torch import Tensor

from grader.book.errors import KoansError, reading
from grader.book.files import write_file

CONFIG, WEIGHTS = "config.json", "model.safetensors"
EMBEDDING, FINAL_NORM = "model.embed_tokens.weight", "model.norm.weight"
NORMS = ("input_layernorm", "post_attention_layernorm")
ATTENTION = ("q_proj", "k_proj", "v_proj", "o_proj")
FEED_FORWARD = ("gate_proj", "up_proj", "down_proj")
Weights = dict[str, Tensor]


class Config(msgspec.Struct, frozen=True):
    """The shape of a Llama model, by the names of its config.json."""

    vocab_size: int = 1024
    hidden_size: int = 128
    intermediate_size: int = 352
    num_hidden_layers: int = 5
    num_attention_heads: int = 4
    num_key_value_heads: int = 2
    max_position_embeddings: int = 256
    rms_norm_eps: float = 1e-6
    rope_theta: float = 10000.0
    bos_token_id: int = 1022
    eos_token_id: int = 1022
    pad_token_id: int = 1023

    @property
    def head_width(self) -> int:
        return self.hidden_size // self.num_attention_heads


# What transformers needs beside the shape.
_FIXED: dict[str, Any] = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "attention_bias": False,
    "mlp_bias": False,
    "hidden_act": "silu",
    "tie_word_embeddings": True,
    "torch_dtype": "bfloat16",
    "use_cache": True,
}


def layer_name(layer: int, part: str) -> str:
    """The name of a weight: `layer_name(0, "q_proj")` is "model.layers.0.self_attn.q_proj.weight"."""
    group = "self_attn." if part in ATTENTION else "mlp." if part in FEED_FORWARD else ""
    return f"model.layers.{layer}.{group}{part}.weight"


def shapes(config: Config) -> dict[str, tuple[int, ...]]:
    """The shape of each weight, (out, in), in the order of the forward pass."""
    d, kv, ffn = config.hidden_size, config.num_key_value_heads * config.head_width, config.intermediate_size
    block = {
        "input_layernorm": (d,),
        "q_proj": (d, d),
        "k_proj": (kv, d),
        "v_proj": (kv, d),
        "o_proj": (d, d),
        "post_attention_layernorm": (d,),
        "gate_proj": (ffn, d),
        "up_proj": (ffn, d),
        "down_proj": (d, ffn),
    }
    layers = {layer_name(i, part): shape for i in range(config.num_hidden_layers) for part, shape in block.items()}
    return {EMBEDDING: (config.vocab_size, d), **layers, FINAL_NORM: (d,)}


def load(folder: Path) -> tuple[Config, Weights]:
    """The model in a folder, with weights in float32. Raises KoansError if a file is missing, damaged or another's."""
    from safetensors import SafetensorError
    from safetensors.torch import load as load_tensors

    with reading(folder / CONFIG):
        text = (folder / CONFIG).read_bytes()
    try:
        config = msgspec.json.decode(text, type=Config)
    except msgspec.MsgspecError as error:
        raise KoansError(f"{folder / CONFIG}: {error}") from None
    with reading(folder / WEIGHTS):
        data = (folder / WEIGHTS).read_bytes()
    try:
        weights = {name: tensor.float() for name, tensor in load_tensors(data).items()}
    except SafetensorError as error:
        raise KoansError(f"{folder / WEIGHTS}: {error}") from None
    wanted = shapes(config)
    if {name: tuple(tensor.shape) for name, tensor in weights.items()} != wanted:
        raise KoansError(f"{folder / WEIGHTS}: its tensors are not the weights that {CONFIG} describes")
    return config, {name: weights[name] for name in wanted}


def save(folder: Path, config: Config, weights: Weights, dtype: torch.dtype = torch.bfloat16) -> None:
    """Write both files. Raises KoansError if they cannot be written."""
    from safetensors.torch import save as save_tensors

    stored = {name: tensor.detach().to(dtype).contiguous() for name, tensor in weights.items()}
    folder.mkdir(parents=True, exist_ok=True)
    document = {**_FIXED, **msgspec.to_builtins(config), "torch_dtype": str(dtype).removeprefix("torch.")}
    write_file(folder / CONFIG, msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n")
    write_file(folder / WEIGHTS, save_tensors(stored, metadata={"format": "pt"}))
