"""Write the voice in the layout that mlxtts loads: Hugging Face Llama and SNAC, half precision,
with its tokenizer.

OUT/config.json  generation_config.json  model.safetensors  tokenizer.json
OUT/codec/config.json  model.safetensors
OUT/training/encoder.safetensors: the rest of the codec, which speaking does not need
"""

import json
import re
from pathlib import Path

import torch
from safetensors.torch import save_file
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

from . import codec as codecs
from . import lm, teacher
from .log import say
from .text import CHARACTERS

MARKS = {
    "<pad>": lm.PAD,
    "<bos>": lm.BOS,
    "<eot>": lm.END_OF_TEXT,
    "<soa>": lm.START_OF_AUDIO,
    "<eoa>": lm.END_OF_AUDIO,
}


def add_arguments(parser):
    """Options of the ``export`` step."""
    parser.add_argument("--codec", default="codec", help="folder in WORK of the codec")
    parser.add_argument("--out", default="", help="folder to write (WORK/voice)")
    parser.add_argument("--temperature", type=float, default=0.4)
    parser.add_argument("--top-p", type=float, default=0.9)
    teacher.add_manner(parser)


def tokenizer(expressive=False):
    """The tokenizer: characters, lower case; it writes the whole prompt around ``voice: text``."""
    known = lm.CHARACTERS if expressive else CHARACTERS
    characters = {c: lm.FIRST_CHARACTER + i for i, c in enumerate(known)}
    made = Tokenizer(models.WordLevel({**MARKS, **characters}, unk_token="<pad>"))
    unknown = Regex(f"[^{re.escape(known)}]")
    made.normalizer = normalizers.Sequence(
        [
            normalizers.Replace("\u2019", "'"),
            normalizers.Lowercase(),
            normalizers.Replace(unknown, ""),
        ]
    )
    made.pre_tokenizer = pre_tokenizers.Split(Regex("."), "isolated")
    made.add_special_tokens(list(MARKS))
    made.decoder = decoders.Fuse()
    made.post_processor = processors.TemplateProcessing(
        single="<bos> $A <eot> <soa>", special_tokens=list(MARKS.items())
    )
    return made


def llama_config(config, voices, expressive=False):
    """config.json: Hugging Face's Llama keys, and those that mlxtts reads."""
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        **config,
        "hidden_act": "silu",
        "attention_bias": False,
        "mlp_bias": False,
        "torch_dtype": "float16",
        "pad_token_id": lm.PAD,
        "bos_token_id": lm.BOS,
        "eos_token_id": lm.END_OF_AUDIO,
        "audio_token_offset": lm.FIRST_AUDIO,
        "codebook_size": lm.CODES,
        "end_of_speech_token_id": lm.END_OF_AUDIO,
        "prompt_prefix": [],
        "prompt_suffix": [],
        "voices": list(dict.fromkeys(voices)),
        "tags": [],
        "spoken_form": True,
        **({"emphasis": True} if expressive else {}),
        "segment_length": 160,
        "segment_pause": 0.2,
    }


def write_json(path, value):
    """One key a line."""
    Path(path).write_text(json.dumps(value, indent=1) + "\n", encoding="utf8")


def write_sampling(out, temperature, top_p, config):
    """generation_config.json: how the voice is sampled unless told otherwise."""
    settings = {
        "temperature": temperature,
        "top_p": top_p,
        "repetition_penalty": 1.0,
        "max_new_tokens": config["max_position_embeddings"] - 256,
    }
    write_json(Path(out) / "generation_config.json", settings)


def write_voice(out, weights, codec, config, args):
    """Write everything: ``weights`` of lm.Llama, ``codec`` a folder that codec.save wrote."""
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    state = {f"model.{name}": value.half().contiguous() for name, value in weights.items()}
    save_file(state, out / "model.safetensors", {"format": "pt"})
    (out / "model.safetensors").chmod(0o644)
    write_json(out / "config.json", llama_config(config, args.voices, args.expressive))
    write_sampling(out, args.temperature, args.top_p, config)
    tokenizer(args.expressive).save(str(out / "tokenizer.json"))
    settings = json.loads((Path(codec) / "config.json").read_text(encoding="utf8"))
    codecs.save_parts(codecs.read(codec), settings, out)


def run(args):
    """Export WORK/lm and WORK/CODEC."""
    out = Path(args.out or Path(args.work) / "voice")
    weights = torch.load(Path(args.work) / "lm" / "model.pt", map_location="cpu", weights_only=True)
    codec = Path(args.work) / args.codec
    write_voice(out, weights, codec, lm.config_of(weights, lm.CONFIG), args)
    size = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    apart = (out / codecs.APART).stat().st_size
    say(f"export: {(size - apart) / 1e6:.2f} MB in {out}, and {apart / 1e6:.2f} MB for training")
