"""Something to say in each language, for when a model is to be tried and nothing was given."""

ENGLISH = (
    "The quick brown fox jumps over the lazy dog. She sells sea shells by the shore, and he asks "
    "how much they are. Why not ask me again tomorrow at half past nine?"
)
SAMPLES = {
    "de": "Guten Morgen, wie geht es dir? Der Zug nach Hamburg fährt um halb neun ab.",
    "es": "Buenos días, ¿cómo estás? El tren para Sevilla sale a las ocho y media.",
    "fr": "Bonjour, comment vas-tu ? Le train pour Lyon part à huit heures et demie.",
    "hi": "नमस्ते, आप कैसे हैं? दिल्ली की गाड़ी साढ़े आठ बजे चलती है।",
    "it": "Buongiorno, come stai? Il treno per Firenze parte alle otto e mezza.",
    "ko": "안녕하세요, 잘 지내셨어요? 부산행 기차는 여덟 시 반에 떠납니다.",
    "zh": "早上好，你好吗？去上海的火车八点半出发。",
}


def sample(language: str) -> str:
    """A few sentences in the language with this ISO 639-1 code, or else in English."""
    return SAMPLES.get(language, ENGLISH)
