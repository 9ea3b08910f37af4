"""The language model: a plain Llama over characters and audio codes, in Hugging Face's tensor
names.

Knows the ids (64 for text, then one block of codes for each of the seven slots of a frame), the
prompt, the architecture and how its loss looks at each slot's own block of the tied embedding only,
which is what sampling does.
"""

import json
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import nn

from .codec import SLOTS
from .expression import MARK
from .lm_kernels import add_norm, gate, turn
from .lm_losses import losses
from .rows import Choice, Lookup
from .text import CHARACTERS as PLAIN

PAD, BOS, END_OF_TEXT, START_OF_AUDIO, END_OF_AUDIO = 0, 1, 2, 3, 4
FIRST_CHARACTER = 5
CHARACTERS = PLAIN + MARK
CHARACTER_IDS = {c: FIRST_CHARACTER + i for i, c in enumerate(CHARACTERS)}
FIRST_AUDIO = 64
CODES = 1024
SPARE = 8  # choices besides the codes, for sizes that suit a GPU; the first is the end
CONFIG = {
    "hidden_size": 384,
    "intermediate_size": 1024,
    "num_hidden_layers": 8,
    "num_attention_heads": 6,
    "num_key_value_heads": 1,
    "head_dim": 64,
    "vocab_size": FIRST_AUDIO + SLOTS * CODES,
    "rms_norm_eps": 1e-5,
    "rope_theta": 10000.0,
    "tie_word_embeddings": True,
    "max_position_embeddings": 2048,
}


def prompt(voice, text):
    """Ids of ``voice: text`` between the marks that the model was trained with; unknown characters
    are dropped.
    """
    known = [CHARACTER_IDS[c] for c in f"{voice}: {text}" if c in CHARACTER_IDS]
    return [BOS, *known, END_OF_TEXT, START_OF_AUDIO]


class Norm(nn.Module):
    """Root mean square norm of a sum."""

    def __init__(self, size, eps):
        super().__init__()
        self.weight, self.eps = nn.Parameter(torch.ones(size)), eps

    def forward(self, x, more=None):
        """x + more, and its norm; both (B, T, size)."""
        flat, dtype = x.flatten(0, 1), working(x)
        more = None if more is None else more.flatten(0, 1)
        parts = add_norm(flat, more, self.weight, self.eps, dtype)
        return [part.view_as(x) for part in parts]


def working(x):
    """The type in which products with ``x`` are made."""
    kind = x.device.type
    return torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else x.dtype


class Attention(nn.Module):
    """Causal attention with grouped keys and values."""

    def __init__(self, c):
        super().__init__()
        size, self.head_dim = c["hidden_size"], c["head_dim"]
        self.heads, self.kv_heads = c["num_attention_heads"], c["num_key_value_heads"]
        self.q_proj = nn.Linear(size, self.heads * self.head_dim, bias=False)
        self.k_proj = nn.Linear(size, self.kv_heads * self.head_dim, bias=False)
        self.v_proj = nn.Linear(size, self.kv_heads * self.head_dim, bias=False)
        self.o_proj = nn.Linear(self.heads * self.head_dim, size, bias=False)

    def forward(self, x, cos, sin):
        """x (B, T, hidden)."""
        batch, time, _ = x.shape
        weight = torch.cat((self.q_proj.weight, self.k_proj.weight, self.v_proj.weight))
        qkv = F.linear(x, weight).view(batch, time, -1, self.head_dim)
        q, k, v = (part.transpose(1, 2) for part in turn(qkv, cos, sin, self.kv_heads))
        out = F.scaled_dot_product_attention(
            q, k, v, is_causal=True, enable_gqa=self.heads != self.kv_heads
        )
        return self.o_proj(out.transpose(1, 2).reshape(batch, time, -1))


class Feed(nn.Module):
    """The gated feed-forward part."""

    def __init__(self, c):
        super().__init__()
        self.gate_proj = nn.Linear(c["hidden_size"], c["intermediate_size"], bias=False)
        self.up_proj = nn.Linear(c["hidden_size"], c["intermediate_size"], bias=False)
        self.down_proj = nn.Linear(c["intermediate_size"], c["hidden_size"], bias=False)

    def forward(self, x):
        """x (B, T, hidden)."""
        return self.down_proj(
            gate(F.linear(x, torch.cat((self.gate_proj.weight, self.up_proj.weight))))
        )


class Layer(nn.Module):
    """One block."""

    def __init__(self, c):
        super().__init__()
        self.self_attn, self.mlp = Attention(c), Feed(c)
        self.input_layernorm = Norm(c["hidden_size"], c["rms_norm_eps"])
        self.post_attention_layernorm = Norm(c["hidden_size"], c["rms_norm_eps"])

    def forward(self, x, more, cos, sin):
        """A sum and what is still to be added to it, of x + more; all (B, T, hidden)."""
        x, normed = self.input_layernorm(x, more)
        x, normed = self.post_attention_layernorm(x, self.self_attn(normed, cos, sin))
        return x, self.mlp(normed)


class Llama(nn.Module):
    """The model without its head, which is the transposed embedding."""

    def __init__(self, config=None):
        super().__init__()
        c = self.config = config or CONFIG
        self.embed_tokens = nn.Embedding(c["vocab_size"], c["hidden_size"])
        self.layers = nn.ModuleList([Layer(c) for _ in range(c["num_hidden_layers"])])
        self.norm = Norm(c["hidden_size"], c["rms_norm_eps"])
        for p in self.parameters():
            if p.ndim > 1:
                nn.init.normal_(p, 0, 0.02)
        for layer in self.layers:
            for into in (layer.self_attn.o_proj, layer.mlp.down_proj):
                nn.init.normal_(into.weight, 0, 0.02 / (2 * len(self.layers)) ** 0.5)
        pair = torch.arange(0, c["head_dim"], 2).float() / c["head_dim"]
        angle = torch.outer(
            torch.arange(c["max_position_embeddings"]).float(), c["rope_theta"] ** -pair
        )
        self.register_buffer("cos", angle.cos(), persistent=False)
        self.register_buffer("sin", angle.sin(), persistent=False)

    def forward(self, tokens):
        """Hidden states (B, T, hidden) of tokens (B, T)."""
        x, more = Lookup.apply(self.embed_tokens.weight, tokens), None  # sums stay in float32
        cos, sin = self.cos[: tokens.shape[1]], self.sin[: tokens.shape[1]]
        for layer in self.layers:
            x, more = layer(x, more, cos, sin)
        return self.norm(x, more)[1]

    def slot_losses(self, tokens, begin, frames, codes):
        """Cross entropy of each code among its slot's codes, and of "the end" where a frame could
        start.

        tokens (B, T) are the inputs; begin (B,) is where audio starts (the place of
        START_OF_AUDIO); codes (B, n, 7) are the targets, of which frames (B,) are real, followed by
        the end. Returns the losses (7, B, n + 1); slot 0 has the end among its choices, and to
        predict after the last frame. Zero where there is nothing to predict.
        """
        hidden = self(tokens)
        batch, time, size = hidden.shape
        turns, device = codes.shape[1] + 1, tokens.device
        slot, row, turn = (
            torch.arange(n, device=device).view(shape)
            for n, shape in ((SLOTS, (-1, 1, 1)), (batch, (-1, 1)), (turns, (-1,)))
        )
        index = row * time + (begin[:, None] + SLOTS * turn + slot).clamp(max=time - 1)
        after = torch.arange(time, device=device) - begin[:, None]  # the same, the other way
        back = (after % SLOTS * batch + row) * turns + after // SLOTS
        back = torch.where((after >= 0) & (after < SLOTS * turns), back, -1)
        hidden = Choice.apply(hidden.flatten(0, 1), index.flatten(1), back.flatten())
        table = self.embed_tokens.weight
        end = table[END_OF_AUDIO].expand(SLOTS, SPARE, size)
        audio = torch.cat((table[FIRST_AUDIO:].view(SLOTS, CODES, size), end), 1)
        logits = hidden @ audio.mT
        wanted = F.pad(codes, (0, 0, 0, 1)).permute(2, 0, 1)
        wanted = torch.where(turn < frames[:, None], wanted, -100)
        wanted = torch.where((turn == frames[:, None]) & (slot == 0), CODES, wanted)
        valid = torch.where(slot == 0, CODES + 1, CODES).expand_as(wanted)
        found = losses(logits.flatten(0, 1), wanted.flatten(), valid.flatten())
        return found.view_as(wanted)


def read(folder):
    """The weights in ``folder``, by name: those of a training, or of an exported voice, which may
    be quantised.
    """
    path = Path(folder) / "model.pt"
    if path.exists():
        return torch.load(path, map_location="cpu", weights_only=True)
    state = load_file(Path(folder) / "model.safetensors")
    config = json.loads((Path(folder) / "config.json").read_text(encoding="utf8"))
    state = unpack(state, config.get("quantization", {}))
    return {k.removeprefix("model."): v for k, v in state.items()}


def unpack(state, said):
    """``state`` with the matrices in it that MLX has packed, in float32. ``said``: how they are."""
    plain = dict(state)
    for layer in [name.removesuffix(".scales") for name in state if name.endswith(".scales")]:
        how = said.get(layer, said)
        mode, bits = how.get("mode", "affine"), how.get("bits")
        if (mode, bits) != ("affine", 8):
            raise ValueError(f"{layer} is quantised as {mode} in {bits} bits, not as affine in 8")
        scales, biases = (plain.pop(f"{layer}.{leaf}").float() for leaf in ("scales", "biases"))
        steps = plain[f"{layer}.weight"].view(torch.uint8).view(*scales.shape, -1)
        plain[f"{layer}.weight"] = (steps * scales[..., None] + biases[..., None]).flatten(1)
    return plain


def config_of(weights, config):
    """``config`` with the sizes that ``weights`` have, where heads are as large as it says."""
    layers = {name.split(".")[1] for name in weights if name.startswith("layers.")}
    q, k, gate = (
        len(weights[f"layers.0.{part}_proj.weight"])
        for part in ("self_attn.q", "self_attn.k", "mlp.gate")
    )
    return config | {
        "hidden_size": weights["embed_tokens.weight"].shape[1],
        "intermediate_size": gate,
        "num_hidden_layers": len(layers),
        "num_attention_heads": q // config["head_dim"],
        "num_key_value_heads": k // config["head_dim"],
    }
