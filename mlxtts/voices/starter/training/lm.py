"""The language model: a plain Llama over characters and audio codes, in Hugging Face's tensor
names.

Knows the ids (64 for text, then one block of codes for each of the seven slots of a frame), the
prompt, the architecture and how its loss looks at each slot's own block of the tied embedding only,
which is what sampling does.
"""

from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import nn

from .codec import SLOTS
from .expression import MARK
from .text import CHARACTERS as PLAIN

PAD, BOS, END_OF_TEXT, START_OF_AUDIO, END_OF_AUDIO = 0, 1, 2, 3, 4
FIRST_CHARACTER = 5
CHARACTERS = PLAIN + MARK
CHARACTER_IDS = {c: FIRST_CHARACTER + i for i, c in enumerate(CHARACTERS)}
FIRST_AUDIO = 64
CODES = 1024
CONFIG = {
    "hidden_size": 256,
    "intermediate_size": 768,
    "num_hidden_layers": 6,
    "num_attention_heads": 4,
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
    """Root mean square norm."""

    def __init__(self, size, eps):
        super().__init__()
        self.weight, self.eps = nn.Parameter(torch.ones(size)), eps

    def forward(self, x):
        """x (..., size)."""
        return F.rms_norm(x, (x.shape[-1],), self.weight.to(x.dtype), self.eps)


def rotate(x, cos, sin):
    """Rotary position embedding of x (B, heads, T, E) with tables (T, E)."""
    first, second = x.chunk(2, -1)
    return (x * cos + torch.cat((-second, first), -1) * sin).to(x.dtype)


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
        qkv = F.linear(x, weight).view(batch, time, -1, self.head_dim).transpose(1, 2)
        turned = rotate(qkv[:, : self.heads + self.kv_heads], cos, sin)
        q, k, v = (
            turned[:, : self.heads],
            turned[:, self.heads :],
            qkv[:, self.heads + self.kv_heads :],
        )
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
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))


class Layer(nn.Module):
    """One block."""

    def __init__(self, c):
        super().__init__()
        self.self_attn, self.mlp = Attention(c), Feed(c)
        self.input_layernorm = Norm(c["hidden_size"], c["rms_norm_eps"])
        self.post_attention_layernorm = Norm(c["hidden_size"], c["rms_norm_eps"])

    def forward(self, x, cos, sin):
        """x (B, T, hidden)."""
        x = x + self.self_attn(self.input_layernorm(x), cos, sin)
        return x + self.mlp(self.post_attention_layernorm(x))


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
        angle = torch.cat((angle, angle), -1)
        self.register_buffer("cos", angle.cos(), persistent=False)
        self.register_buffer("sin", angle.sin(), persistent=False)

    def forward(self, tokens):
        """Hidden states (B, T, hidden) of tokens (B, T)."""
        x = self.embed_tokens(
            tokens
        )  # stays float32 under autocast, and so does what is added to it
        cos, sin = self.cos[: tokens.shape[1]], self.sin[: tokens.shape[1]]
        for layer in self.layers:
            x = layer(x, cos, sin)
        return self.norm(x)

    def slot_losses(self, tokens, begin, frames, codes):
        """Cross entropy of each code among its slot's codes, and of "the end" where a frame could
        start.

        tokens (B, T) are the inputs; begin (B,) is where audio starts (the place of
        START_OF_AUDIO); codes (B, n, 7) are the targets, of which frames (B,) are real, followed by
        the end. Returns the losses (B, n, 7) and (B, n + 1) for slot 0 with the end among its
        choices; both zero where there is nothing to predict. The first column of the former is
        zero: slot 0 is in the latter.
        """
        hidden = self(tokens)
        batch, count, _ = codes.shape
        place = torch.arange(count * SLOTS + 1, device=tokens.device)
        where = (begin[:, None] + place).clamp(max=tokens.shape[1] - 1)
        hidden = hidden.gather(1, where[:, :, None].expand(-1, -1, hidden.shape[2]))
        table = self.embed_tokens.weight
        audio = table[FIRST_AUDIO:].view(SLOTS, CODES, -1)
        starts = hidden[:, ::SLOTS]  # (B, n + 1, hidden)
        first = F.linear(starts, torch.cat((audio[0], table[END_OF_AUDIO : END_OF_AUDIO + 1])))
        wanted = torch.cat((codes[:, :, 0], codes.new_full((batch, 1), CODES)), 1)
        turn = torch.arange(count + 1, device=tokens.device)
        wanted = torch.where(turn == frames[:, None], CODES, wanted)
        wanted = torch.where(turn > frames[:, None], -100, wanted)
        start_loss = F.cross_entropy(
            first.float().flatten(0, 1), wanted.flatten(), reduction="none"
        )
        rest = hidden[:, : count * SLOTS].view(batch, count, SLOTS, -1)[:, :, 1:]
        logits = torch.einsum("bnsd,skd->bnsk", rest, audio[1:].to(rest.dtype))
        wanted = torch.where(turn[:count, None] < frames[:, None, None], codes[:, :, 1:], -100)
        rest_loss = F.cross_entropy(
            logits.float().flatten(0, 2), wanted.flatten(), reduction="none"
        )
        rest_loss = F.pad(rest_loss.view(batch, count, SLOTS - 1), (1, 0))
        return rest_loss, start_loss.view(batch, count + 1)


def restore(model, folder):
    """Give ``model`` the weights in ``folder``: those of a training, or of an exported voice."""
    path = Path(folder) / "model.pt"
    if path.exists():
        return model.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    state = load_file(Path(folder) / "model.safetensors")
    return model.load_state_dict({k.removeprefix("model."): v for k, v in state.items()})
