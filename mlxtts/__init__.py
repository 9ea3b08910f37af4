"""Speech synthesis as Unix filters, on Apple's MLX; and from Python:

    generate_audio                  text to sound files
    generate_audio_streaming        text to arrays, as they come
    generate_audio_with_callback    the same by a callback
    generate_audio_async            the same for asyncio
    StreamingAudioProcessor         crossfades between chunks of sound from anywhere
    KokoroPipeline                  that of the package of this name, for phonemes
    load_model                      a model to keep, see api.speech.Speech
    quantize_model                  its weights in fewer bits

What goes wrong is an exception of mlxtts.errors. Importing mlxtts costs nothing: a name is imported
when it is first used.
"""

__version__ = "0.1.0"

TYPE_CHECKING = False  # what type checkers take for true, without importing typing
if TYPE_CHECKING:
    from mlxtts.api.generate import (
        Metadata,
        generate_audio,
        generate_audio_async,
        generate_audio_streaming,
        generate_audio_with_callback,
    )
    from mlxtts.api.pipeline import KokoroPipeline
    from mlxtts.api.processing import StreamingAudioProcessor
    from mlxtts.api.speech import Chunk, Speech, SpeechWarning, load_model
    from mlxtts.quantize import quantize_model

__all__ = [
    "Chunk",
    "KokoroPipeline",
    "Metadata",
    "Speech",
    "SpeechWarning",
    "StreamingAudioProcessor",
    "generate_audio",
    "generate_audio_async",
    "generate_audio_streaming",
    "generate_audio_with_callback",
    "load_model",
    "quantize_model",
]

_PLACES = {
    "mlxtts.api.generate": (
        "Metadata",
        "generate_audio",
        "generate_audio_async",
        "generate_audio_streaming",
        "generate_audio_with_callback",
    ),
    "mlxtts.api.pipeline": ("KokoroPipeline",),
    "mlxtts.api.processing": ("StreamingAudioProcessor",),
    "mlxtts.api.speech": ("Chunk", "Speech", "SpeechWarning", "load_model"),
    "mlxtts.quantize": ("quantize_model",),
}


def __getattr__(name: str) -> object:
    for module, names in _PLACES.items():
        if name in names:
            from importlib import import_module

            found: object = getattr(import_module(module), name)
            return found
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
