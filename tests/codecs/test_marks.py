import json

from mlxtts.codecs.marks import Marks
from mlxtts.codecs.utterance import Passage


class Out:
    def __init__(self) -> None:
        self.data = b""

    def write(self, data: bytes) -> None:
        self.data += data


def test_emphasis_is_heard_and_not_shown() -> None:
    timings, captions = Out(), Out()
    marks = Marks(timings, captions, "x.srt")
    marks.heard("1", 1.0, [Passage("I *really* mean 2 * 3. **Do you**?", 0.0, 2.0, [])])
    assert json.loads(timings.data)["text"] == "I really mean 2 * 3. Do you?"
    assert captions.data == b"1\n00:00:01,000 --> 00:00:03,000\nI really mean 2 * 3. Do you?\n\n"
