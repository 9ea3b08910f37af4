"""The training of the starter voice, on a few seconds of speech: every step runs, resumes, and
means what it says.
"""

import contextlib
import gzip
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import types

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from mlxtts.codecs.snac import checkpoint
from mlxtts.nn import mx
from mlxtts.nn.cache import Cache
from mlxtts.nn.quantization import Packed, Packing, Quantization, float32, gather, unpacked
from mlxtts.nn.recipes import Manner
from mlxtts.quantize import Source
from mlxtts.text.lines import Utterance
from mlxtts.voices.starter.training import (
    __main__,
    careful,
    chain,
    codec,
    codec_train,
    evaluate,
    expressed,
    expression,
    flite,
    listen,
    lm,
    lm_data,
    lm_train,
    muon,
    pipeline,
    teacher,
)

torch.set_num_threads(1)  # what is computed here is too small for more

SMALL_CODEC = codec.CONFIG | {"encoder_dim": 4, "decoder_dim": 32}
SMALL_LM = lm.CONFIG | {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "head_dim": 8,
}
EIGHT = Packing(32, 8)
LINES = [
    "hello world.",
    "is the small lamp on?",
    "seven red boats",
    "no.",
    "a b c",
    "we wait for the last train home.",
]


def call(*argv):
    """Run a step of the command line."""
    return __main__.main([str(word) for word in argv])


@pytest.fixture(scope="module")
def speaker():
    try:
        return flite.Flite()
    except OSError as error:
        pytest.skip(f"flite's libraries are missing: {error}")


@pytest.fixture(scope="module")
def work(tmp_path_factory, speaker):
    """A folder with a little text and the teacher's audio of it."""
    folder = tmp_path_factory.mktemp("work")
    with gzip.open(folder / "text.txt.gz", "wt") as file:
        file.write("\n".join(LINES * 3) + "\n")
    call("teacher", "--work", folder, "--shard", 6, "--twice", 2, "--cores", 2)
    return folder


def test_reading_leaves_signals_as_they_were(work):
    # a pool that is forked later would inherit a handler, in which its end gets lost
    before = signal.getsignal(signal.SIGTERM)
    call("teacher", "--work", work, "--resume", "--shard", 6, "--twice", 2, "--cores", 1)
    assert signal.getsignal(signal.SIGTERM) is before


def test_readers_end_with_the_teacher(tmp_path, speaker):
    with gzip.open(tmp_path / "text.txt.gz", "wt") as file:
        file.write("\n".join(LINES * 1000) + "\n")
    options = ["--work", tmp_path, "--shard", "6", "--cores", "2"]
    command = [sys.executable, "-m", "mlxtts.voices.starter.training", "teacher", *options]
    run = subprocess.Popen(command, start_new_session=True)
    limit = time.time() + 60
    while not [*tmp_path.glob("speech/*.json")] and time.time() < limit:
        time.sleep(0.1)
    run.terminate()
    assert run.wait(30) == 0
    with contextlib.suppress(ProcessLookupError):  # nobody is left of its group
        while time.time() < limit:
            os.killpg(run.pid, 0)
            time.sleep(0.1)
    assert time.time() < limit


@pytest.fixture(scope="module")
def trained(work):
    """The same folder after a few steps of the codec, its codes, and a few steps of the model."""
    codec_train.run(codec_train.defaults(**codec_options(work)))
    call("encode", "--work", work, "--device", "cpu", "--chunk", 40)
    lm_train.run(
        lm_train.defaults(
            work=str(work), steps=2, tokens=600, kinds=2, config=SMALL_LM, device="cpu"
        )
    )
    return work


def codec_options(work, **changes):
    """Those of two small steps."""
    small = {"work": str(work), "steps": 2, "hours": 0.01, "first": 1, "batch": 2, "segment": 8192}
    return small | {"device": "cpu", "config": SMALL_CODEC} | changes


# teacher


def test_flite_repeats_itself_and_a_seed_changes_only_the_noise(speaker):
    first, phones = speaker.speak("she sells sea shells.", "slt", seed=1)
    again, _ = speaker.speak("she sells sea shells.", "slt", seed=1)
    other, other_phones = speaker.speak("she sells sea shells.", "slt", seed=2)
    assert (first == again).all()
    assert phones == other_phones
    assert len(first) == len(other)
    difference = (first.astype(float) - other).std() / first.std()
    assert 0.01 < difference < 0.5
    assert {phone.name for phone in phones} <= set(flite.PHONES)


def pitch_of(samples, begin, end):
    """Of voiced stretches, Hz, by autocorrelation."""
    found = []
    size, lags = 800, slice(45, 280)
    for start in range(int(begin * flite.RATE), int(end * flite.RATE) - size, 160):
        window = samples[start : start + size] * np.hanning(size)
        alike = np.correlate(window, window, "full")[size - 1 :]
        lag = lags.start + alike[lags].argmax()
        if alike[lag] > 0.35 * alike[0]:
            found.append(flite.RATE / lag)
    return np.array(found)


@pytest.mark.parametrize("voice", flite.VOICES + flite.MORE)
def test_every_voice_speaks_at_a_like_level(speaker, voice):
    audio, _ = teacher.teacher(speaker, "the morning was cold, and the sea was grey.", voice)
    assert 0.08 < audio.std() < 0.2
    assert np.abs(audio).max() < 1


@pytest.mark.parametrize("voice", ["slt", "rms", "awb"])
def test_a_question_rises_where_the_statement_falls(speaker, voice):
    line = "is it monday?"
    flat, phones = speaker.speak(line, voice)
    risen, same = speaker.speak(line, voice, how=expression.read(line))
    assert phones == same
    end = expression.span(phones, lambda phone: phone.name != "pau")[1]
    before, after = pitch_of(flat, end - 0.15, end), pitch_of(risen, end - 0.15, end)
    assert 1.4 < np.median(after) / np.median(before) < 1.7
    early = int(0.3 * flite.RATE)
    assert (flat[:early] == risen[:early]).all()


@pytest.mark.parametrize("voice", flite.VOICES + flite.MORE)
def test_an_emphasised_word_is_longer_louder_and_higher(speaker, voice):
    line = "i said the *red* door, not the other."
    how = expression.read(line)
    flat, phones = speaker.speak(how.text, voice)
    made, other = speaker.speak(how.text, voice, how=how)
    assert [phone.name for phone in phones] == [phone.name for phone in other]

    def part(phones, token):
        return expression.span(phones, lambda phone: phone.token == token)

    lengths = [end - begin for begin, end in (part(phones, 3), part(other, 3))]
    assert 1.2 < lengths[1] / lengths[0] < 1.4
    lengths = [end - begin for begin, end in (part(phones, 1), part(other, 1))]
    assert lengths[0] == pytest.approx(lengths[1], abs=1e-6)
    levels = [
        samples[int(begin * flite.RATE) : int(end * flite.RATE)].std()
        for samples, (begin, end) in ((flat, part(phones, 3)), (made, part(other, 3)))
    ]
    assert 1.05 < levels[1] / levels[0] < 1.6
    higher = np.median(pitch_of(made, *part(other, 3))) / np.median(
        pitch_of(flat, *part(phones, 3))
    )
    assert voice == "kal16" or 1.1 < higher < 1.35


def test_teacher_audio_is_whole_frames_with_a_phone_for_every_code(speaker):
    audio, phones = teacher.teacher(speaker, "hello world.", "rms", seeds=(1, 2))
    assert audio.shape[0] == 2
    assert audio.shape[1] % teacher.FRAME == 0
    assert len(phones) == audio.shape[1] // teacher.HOP
    assert {"hh", "w", "er", "d"} <= {flite.PHONES[p] for p in phones}
    quiet = flite.PHONES.index("pau")
    assert phones[0] == phones[-1] == quiet
    assert teacher.teacher(speaker, ".", "slt") is None


def test_a_manifest_describes_its_shard_and_resume_leaves_it_alone(work):
    assert teacher.shards(work) == [0, 1, 2]
    audio, phones, manifest = teacher.read_shard(work, 2)
    assert len(audio) == 1
    assert len(teacher.read_shard(work, 1)[0]) == 2
    assert [line for _, _, _, line in manifest] == LINES
    assert (
        sum(samples for _, samples, _, _ in manifest) == audio.shape[1] == len(phones) * teacher.HOP
    )
    before = (work / "speech" / "00000.json").stat().st_mtime_ns
    call("teacher", "--work", work, "--shard", 6, "--cores", 1, "--resume")
    assert (work / "speech" / "00000.json").stat().st_mtime_ns == before


# codec


def test_the_fused_forward_is_snacs_own():
    torch.manual_seed(0)
    model = codec.build(SMALL_CODEC | {"noise": False})
    x = torch.randn(2, 1, 8192) * 0.1
    z = model.encoder(x)
    torch.testing.assert_close(codec.forward(model.encoder, x), z, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(
        codec.forward(model.decoder, z), model.decoder(z), rtol=1e-4, atol=1e-5
    )


def test_a_step_teaches_every_part_of_the_codec(work):
    step = codec_train.Trainer(codec_train.defaults(**codec_options(work))).step
    step.speech.wait(1)
    step.find()
    untaught = [name for name, p in step.model.named_parameters() if not p.grad.any()]
    assert not untaught


def test_a_saved_codec_gives_the_codes_that_it_was_trained_with(tmp_path):
    torch.manual_seed(0)
    model = codec.build(SMALL_CODEC)
    for (
        quantizer
    ) in model.quantizer.quantizers:  # training leaves any length; what is saved has length 1
        quantizer.codebook.weight.data *= torch.rand(len(quantizer.codebook.weight), 1) + 0.5
    x = torch.randn(1, 1, 5 * codec.FRAME) * 0.1
    codec.save(codec.folded_state(model), SMALL_CODEC, tmp_path)
    loaded = codec.load(tmp_path)
    frames = codec.encode(model, x)
    assert frames.shape == (1, 5, codec.SLOTS)
    again = codec.interleave(loaded.encode(x))
    assert (frames == again).float().mean() > 0.9  # half precision may tip a few
    lengths = loaded.quantizer.quantizers[0].codebook.weight.norm(dim=1)
    torch.testing.assert_close(lengths, torch.ones_like(lengths), rtol=1e-3, atol=1e-3)
    assert codec.decode(loaded, frames).shape == (1, x.shape[2])


def test_a_codec_with_a_weight_of_nothing_can_be_trained_on(tmp_path):
    torch.manual_seed(0)
    model = codec.build(SMALL_CODEC)
    state = codec.folded_state(model)
    name = next(name for name in state if name.endswith("block.2.linear.weight"))
    state[name][1] = 1e-9  # nothing in half precision
    codec.save(state, SMALL_CODEC, tmp_path)
    codec.restore(model, tmp_path)
    assert not codec.folded_state(model)[name][1].any()
    made = codec.decode(model, torch.zeros(1, 2, codec.SLOTS, dtype=torch.long))
    assert made.isfinite().all()


def test_frames_and_streams_are_each_others_inverse():
    frames = torch.arange(2 * 3 * 7).view(2, 3, 7)
    streams = codec.deinterleave(frames)
    assert [s.shape[1] for s in streams] == [3, 6, 12]
    assert (codec.interleave(streams) == frames).all()


def test_encoding_a_shard_is_encoding_each_utterance_alone(trained):
    audio, _, manifest = teacher.read_shard(trained, 0)
    codes = np.load(trained / "codes" / "00000.npy")
    model = codec.load(trained / "codec")
    start, samples, _, _ = manifest[1]
    wave = torch.from_numpy(audio[0, start : start + samples].astype(np.float32) / 32768)
    alone = codec.encode(model, wave[None, None])[0].numpy()
    there = codes[start // codec.FRAME : (start + samples) // codec.FRAME]
    assert len(codes) == audio.shape[1] // codec.FRAME
    # biases make the encoder's edges differ from silence a little; inside nothing may differ
    assert (alone[3:-3] == there[3:-3]).all()


def test_codec_training_resumes_or_starts_from_another(trained, capsys):
    options = codec_options(trained, steps=3, name="more")
    codec_train.run(codec_train.defaults(**options, start="codec"))
    assert "going on" not in capsys.readouterr().err
    codec_train.run(codec_train.defaults(**options | {"steps": 4}, resume=True))
    assert "going on from step 3" in capsys.readouterr().err
    first, last = (codec.load(trained / name).state_dict() for name in ("codec", "more"))
    assert any(not torch.equal(first[name], last[name]) for name in first)
    trainer = codec_train.Trainer(codec_train.defaults(**options, start="codec"))
    for p in trainer.step.straight:
        torch.testing.assert_close(p.flatten(1).norm(dim=1), torch.ones(len(p)))


TOGETHER = {"codec": codec_train, "lm": lm_train}


def take_part(place, step, work, options):
    """One of two processes that train together."""
    torch.set_num_threads(1)
    options = {"rank": f"{place}/2", "meet": f"{work}/{step}.meet", "name": "together"} | options
    trainer = TOGETHER[step].Trainer(TOGETHER[step].defaults(**options))
    number = torch.tensor([place + 1.0])
    trainer.ranks.mean(number)
    assert step != "codec" or trainer.step.batch == options["batch"] / 2
    told = trainer.ranks.told(place + 3.0)
    trainer.run()
    parameters = trainer.step.parameters if step == "codec" else trainer.parameters
    kept = [number, told, [p.detach() for p in parameters], torch.rand(1)]
    torch.save(kept, f"{work}/{step}.{place}.pt")


@pytest.mark.parametrize("step", TOGETHER)
def test_two_processes_train_one_model(trained, step):
    options = codec_options(trained, steps=52, revive=1.0, batch=4, segment=4096)
    if step == "lm":
        options = {"work": str(trained), "steps": 5, "tokens": 600, "kinds": 2, "lr": 1e-2}
        options |= {"config": SMALL_LM, "device": "cpu"}
    torch.multiprocessing.spawn(take_part, (step, str(trained), options), nprocs=2)
    first, second = (torch.load(trained / f"{step}.{place}.pt") for place in (0, 1))
    assert first[:2] == second[:2] == [torch.tensor([1.5]), 3.0]
    for mine, its in zip(first[2], second[2], strict=True):
        assert torch.equal(mine, its)
    saved = trained / "together" / ("model.safetensors" if step == "codec" else "model.pt")
    assert saved.exists()
    assert first[3] != second[3]  # each has drawn its own data


# optimiser


def gradients(parameters, count):
    """So many steps' gradients, the same each time."""
    torch.manual_seed(3)
    return [[torch.randn_like(p) for p in parameters] for _ in range(count)]


def test_muons_steps_are_those_of_torch():
    torch.manual_seed(0)
    mine = [torch.nn.Parameter(torch.randn(*size)) for size in ((24, 40), (40, 24), (24, 40))]
    its = [torch.nn.Parameter(p.detach().clone()) for p in mine]
    ours = muon.Muon([{"params": mine, "lr": torch.tensor(0.1), "weight_decay": 0.3}])
    theirs = torch.optim.Muon(its, lr=0.1, weight_decay=0.3)
    for step in gradients(mine, 5):
        for p, q, gradient in zip(mine, its, step, strict=True):
            p.grad, q.grad = gradient.clone(), gradient.clone()
        ours.step()
        theirs.step()
    for p, q in zip(mine, its, strict=True):  # theirs computes in bfloat16
        torch.testing.assert_close(p, q, rtol=0, atol=0.02)
        assert (p - q).norm() < 0.02 * p.norm()


def test_an_orthogonal_matrix_keeps_directions_only():
    torch.manual_seed(0)
    matrices = torch.randn(4, 48, 16)
    left, _, right = torch.linalg.svd(matrices, full_matrices=False)
    values = torch.einsum("nij,nik,nkj->nj", left, muon.orthogonal(matrices), right.mT)
    assert ((values > 0.6) & (values < 1.3)).all()


def square_and_vector():
    """Two parameters with gradients side by side."""
    parameters = [torch.nn.Parameter(torch.ones(9, 9)), torch.nn.Parameter(torch.ones(9))]
    careful.side_by_side(parameters)
    return parameters


def optimiser(parameters):
    """Muon for the first, AdamW for the others, at rates 0.1 and 0.01."""
    adam, turned = [{"params": parameters[1:], "lr": 0.01}], [{"params": parameters[:1], "lr": 0.1}]
    made = careful.Optimiser(torch.device("cpu"), adam, turned)
    made.set_rate(1.0)
    return made


def test_a_bad_gradient_changes_nothing():
    parameters = square_and_vector()
    made = optimiser(parameters)
    steps = gradients(parameters, 3)
    for turn, (matrix, vector) in enumerate(steps):
        parameters[0].grad.copy_(matrix)
        parameters[1].grad.copy_(vector if turn != 1 else torch.nan)
        before = [p.detach().clone() for p in parameters]
        assert torch.isfinite(made.step(1.0)) == (turn != 1)
        for p, was in zip(parameters, before, strict=True):
            assert torch.equal(p, was) == (turn == 1)


def test_an_optimiser_goes_on_from_what_it_kept():
    runs = []
    for cut in (False, True):
        parameters = square_and_vector()
        made = optimiser(parameters)
        for turn, step in enumerate(gradients(parameters, 4)):
            if cut and turn == 2:
                kept, made = made.state_dict(), optimiser(parameters)
                made.load_state_dict(kept)
                made.set_rate(1.0)
            for p, gradient in zip(parameters, step, strict=True):
                p.grad.copy_(gradient)
            made.step(1.0)
        runs.append([p.detach() for p in parameters])
    for whole, parts in zip(*runs, strict=True):
        assert torch.equal(whole, parts)


# language model


def test_slot_losses_are_those_of_the_restricted_softmax():
    torch.manual_seed(0)
    model = lm.Llama(SMALL_LM)
    frames = torch.randint(0, lm.CODES, (3, lm.SLOTS))
    begin = lm.prompt("slt", "hi.")
    ids = begin + [lm.FIRST_AUDIO + lm.CODES * s + int(c) for f in frames for s, c in enumerate(f)]
    codes = torch.zeros(1, 5, lm.SLOTS, dtype=torch.long)
    codes[0, :3] = frames
    tokens = torch.tensor([ids + [lm.PAD] * 9])
    losses = model.slot_losses(tokens, torch.tensor([len(begin) - 1]), torch.tensor([3]), codes)
    logits = model(torch.tensor([ids]))[0] @ model.embed_tokens.weight.T
    for turn in range(3 * lm.SLOTS + 1):
        slot = turn % lm.SLOTS
        allowed = list(
            range(lm.FIRST_AUDIO + lm.CODES * slot, lm.FIRST_AUDIO + lm.CODES * (slot + 1))
        )
        allowed += [lm.END_OF_AUDIO] if slot == 0 else []
        row = logits[len(begin) - 1 + turn][allowed].log_softmax(0)
        target = int(frames.flatten()[turn]) if turn < 21 else lm.CODES
        torch.testing.assert_close(losses[slot, 0, turn // 7], -row[target], rtol=1e-4, atol=1e-4)
    assert not losses[0, 0, 4:].any()
    assert not losses[1:, 0, 3:].any()


def test_a_level_of_codes_is_worth_its_weight(trained):
    options = {"work": str(trained), "tokens": 600, "kinds": 2, "config": SMALL_LM, "corrupt": 0.0}
    trainer = lm_train.Trainer(lm_train.defaults(**options, device="cpu", weights=[2.0, 0.5, 0.1]))
    width, count = trainer.shapes[0]
    trainer.rows[0].copy_(torch.arange(len(trainer.rows[0])))
    with torch.no_grad():
        sums, total = trainer._losses(trainer.data.gather(trainer.rows[0], width, count))
    trainer.loss.zero_()
    trainer.find(0)
    worth = torch.tensor([2.0, 0.5, 0.1, 0.1, 0.5, 0.1, 0.1, 2.0])  # slots, then the end
    torch.testing.assert_close(trainer.loss / 0.02, (sums * worth).sum() / total)


def test_batches_hold_prompt_then_codes(trained):
    data = lm_data.Sequences(str(trained), "codes", torch.device("cpu"))
    batch = data.gather(
        torch.tensor([4, 1]), int(data.length[[4, 1]].max()), int(data.frames[[4, 1]].max())
    )
    for row, number in enumerate([4, 1]):
        _, _, manifest = teacher.read_shard(trained, 0)
        start, samples, voice, line = manifest[number]
        frames = np.load(trained / "codes" / "00000.npy")[
            start // codec.FRAME : (start + samples) // codec.FRAME
        ]
        ids = (
            lm.prompt(voice, line)
            + (frames + lm.FIRST_AUDIO + lm.CODES * np.arange(7)).flatten().tolist()
        )
        assert batch.tokens[row, : len(ids)].tolist() == ids
        assert not batch.tokens[row, len(ids) :].any()
        assert batch.codes[row, : len(frames)].tolist() == frames.tolist()
        assert int(batch.frames[row]) == len(frames)
    assert len(data.frames) == 3 * len(LINES)
    kinds, edges = data.widths(2)
    plan = data.plan(np.random.default_rng(0), kinds, edges, [2] * len(kinds))
    assert plan
    assert all(data.length[rows].max() <= kinds[kind][0] for kind, rows in plan)


def test_a_model_gets_ready_before_there_are_codes(trained, tmp_path):
    (tmp_path / "speech").symlink_to(trained / "speech")
    data = lm_data.Sequences(str(tmp_path), "codes", torch.device("cpu"))
    data.wait(0, time.time() + 9, ahead=True)
    with pytest.raises(FileNotFoundError, match="no codes"):
        data.wait(0, time.time() + 9)
    there = lm_data.Sequences(str(trained), "codes", torch.device("cpu"))
    for mine, its in zip(data.widths(2), there.widths(2), strict=True):
        assert np.array_equal(mine, its)
    options = {"work": str(tmp_path), "tokens": 600, "kinds": 2, "config": SMALL_LM}
    trainer = lm_train.Trainer(lm_train.defaults(**options, device="cpu"))
    trainer.optimiser.set_rate(0.0)
    before = [p.detach().clone() for p in trainer.parameters]
    for kind in range(len(trainer.shapes)):  # as on a GPU, to capture what it does
        trainer.find(kind)
        trainer.update()
        assert trainer.gradients.isfinite().all()
        assert trainer.gradients.any()
    assert all(map(torch.equal, trainer.parameters, before))
    made = shutil.copytree(trained / "codes", tmp_path / "made")
    (tmp_path / "codes").mkdir()
    came = []

    def come():
        for path in sorted(made.iterdir()):
            time.sleep(0.7)
            came.append(path)
            path.rename(tmp_path / "codes" / path.name)

    later = threading.Thread(target=come)
    later.start()
    data.wait(1e-4, time.time() + 60)
    assert len(came) == 3  # not only one, which has as many hours
    later.join()
    data.refill()
    assert not data.ahead
    assert data.hours == there.hours
    assert data.held == there.held == 1
    assert torch.equal(data.prompts, there.prompts)
    assert torch.equal(data.codes, there.codes)


def test_corruption_stays_within_the_slot():
    data = types.SimpleNamespace(device=torch.device("cpu"))
    data.prompt_length_there, data.frames_there = torch.tensor([4]), torch.tensor([30])
    data.frame_start = data.prompt_start = torch.tensor([0])
    data.codes, data.prompts = torch.zeros(30, 7, dtype=torch.int16), torch.tensor([1, 5, 2, 3])
    batch = lm_data.Sequences.gather(data, torch.tensor([0]), 4 + 210, 30, corrupt=0.5)
    slots = (batch.tokens[0, 4:] - lm.FIRST_AUDIO).view(30, 7)
    assert (slots // lm.CODES == torch.arange(7)).all()
    assert 0.3 < (slots % lm.CODES != 0).float().mean() < 0.7
    assert not batch.codes.any()


def test_the_model_learns_and_resumes(trained, capsys):
    options = {
        "work": str(trained),
        "tokens": 600,
        "kinds": 2,
        "config": SMALL_LM,
        "device": "cpu",
        "lr": 1e-2,
    }
    trainer = lm_train.Trainer(lm_train.defaults(**options, steps=32, resume=True))
    assert "going on from step 2" in capsys.readouterr().err
    before = trainer.validate()[0]
    trainer.args.average, trainer.done = 0.5, 0.0
    trainer.run()
    assert trainer.validate()[0] < before - 0.05


# export and evaluation


@pytest.fixture(scope="module")
def voice(trained):
    """The folder of the exported voice."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lm, "CONFIG", SMALL_LM)
        call("export", "--work", trained)
    return trained / "voice"


def test_mlxtts_speaks_the_exported_voice_as_it_was_trained(trained, voice):
    model = chain.Voice(voice).engine._model
    for name, line in (("slt", "hello; world!"), ("rms", "don't - stop")):
        assert model.tokens(f"{line.upper()} 7", name) == lm.prompt(name, line + " ")
    ids = lm.prompt("slt", "hello.")
    mine = lm.Llama(SMALL_LM)
    mine.load_state_dict(torch.load(trained / "lm" / "model.pt", weights_only=True))
    with torch.no_grad():
        expected = mine(torch.tensor([ids]))[0].numpy()
    found = np.array(model.model(mx.array([ids]), Cache(model.config.num_hidden_layers))[0])
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3)


def test_an_exported_voice_keeps_apart_what_speaking_does_not_need(trained, voice):
    file = "codec/model.safetensors"
    whole, spoken, apart = map(load_file, (trained / file, voice / file, voice / codec.APART))
    assert not spoken.keys() & apart.keys()
    assert all(torch.equal(whole[name], value) for name, value in (spoken | apart).items())
    assert whole.keys() == codec.read(trained / "codec").keys()
    assert whole.keys() == codec.read(voice / "codec").keys()
    assert {name.split(".")[0] for name in apart} == {"encoder", "quantizer"}
    assert len(checkpoint.sanitize(mx.load(str(voice / file)))) == len(spoken)  # all of it is used


def test_training_starts_from_an_exported_voice(trained, voice):
    model = started(trained, voice)
    kept = torch.load(trained / "lm" / "model.pt", weights_only=True)
    for name, value in model.state_dict().items():
        assert torch.equal(value, kept[name].float())
    changes = codec_options(trained, name="again", start=str(voice / "codec"))
    step = codec_train.Trainer(codec_train.defaults(**changes)).step
    written = codec.load(voice / "codec").state_dict()
    for name, value in codec.folded_state(step.model).items():
        torch.testing.assert_close(value, written[name], rtol=1e-3, atol=1e-4)
    step.find()
    assert step.revive(step.parameters) == [0, 0, 0]  # no code counts as unused yet


def started(trained, voice):
    """The model that training starts from; of the sizes in the configuration the voice's count."""
    options = {"work": str(trained), "tokens": 600, "kinds": 2, "device": "cpu"}
    other = lm.CONFIG | {"head_dim": SMALL_LM["head_dim"], "num_key_value_heads": 2}
    options |= {"config": other, "start": str(voice)}
    model = lm_train.Trainer(lm_train.defaults(**options)).model
    assert model.config == SMALL_LM
    return model


def quantised(voice, folder, *manner):
    folder.mkdir()
    Source(str(voice)).write(folder, Manner.choose(*manner))
    return folder


def test_training_starts_from_a_quantised_voice(trained, voice, tmp_path):
    model = started(trained, quantised(voice, tmp_path / "small", 8, 32))
    packed = gather(mx.load(str(tmp_path / "small" / "model.safetensors")), Quantization(EIGHT))
    assert {type(tensor) for tensor in packed.values()} == {Packed, mx.array}
    assert len(packed) == len(model.state_dict())
    for name, value in model.state_dict().items():
        tensor = packed[f"model.{name}"]
        np.testing.assert_array_equal(value, float32(unpacked(tensor)), err_msg=name)


@pytest.mark.parametrize(
    ("manner", "reason"),
    [
        ((4, 32), "is quantised as affine in 4 bits, not as affine in 8"),
        ((None, None, "mxfp8"), "is quantised as mxfp8 in 8 bits, not as affine in 8"),
        ((8, 32, "affine", None, 6), "model.embed_tokens is quantised as affine in 6 bits"),
    ],
)
def test_other_quantised_voices_are_not_read(voice, tmp_path, manner, reason):
    with pytest.raises(ValueError, match=reason):
        lm.read(quantised(voice, tmp_path / "small", *manner))


def test_an_expressive_voice_says_so(trained, tmp_path):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lm, "CONFIG", SMALL_LM)
        names = ["--voices", "slt", "slt", "rms"]  # who reads most is no other voice
        call("export", "--work", trained, "--out", tmp_path, "--expressive", *names)
    spoken = chain.Voice(tmp_path)
    assert spoken.speaker.config.voices == ("slt", "rms")
    said = spoken.speaker.request(Utterance("1", "is it *you*?", "slt"))
    assert [segment.text for segment in said.segments] == ["is it *you*?"]
    found = spoken.engine._model.tokens(said.segments[0].text, "slt")
    assert found == lm.prompt("slt", "is it *you*?")


def test_the_evaluation_prints_a_table(trained, voice, capsys):
    small = ["--heard", 1, "--timed", 2, "--voices", "slt", "--cores", 1]
    small += ["--expressive", "--expressed", 1]
    call("evaluate", "--work", trained, *small)
    printed = capsys.readouterr().out
    assert "| whole chain | " in printed
    assert "2 utterances: " in printed
    assert "| pitch at the end of a question |" in printed
    text = (trained / "evaluation.json").read_text()
    figures = json.loads(text)
    assert figures["expressed"]["slt"]["end"][0] > 1.4
    assert figures["codec alone"]["rates"]["slt"][0] > figures["teacher"]["rates"]["slt"][0]

    def never(*_):
        raise AssertionError("done again")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(listen, "hear_each", lambda audios, _: map(never, audios))
        patch.setattr(chain, "_speak", never)
        call("evaluate", "--work", trained, "--resume", *small)
    assert capsys.readouterr().out == printed
    assert (trained / "evaluation.json").read_text() == text


def test_what_is_expressed_is_measured_side_by_side(speaker):
    jobs = expressed.plan(2, ["slt", "kal16"])
    assert len(jobs) == 16
    taught = evaluate.teach_all(jobs, 2, expressive=True)
    plain = [taught[k | 1] for k in range(len(jobs))]  # a voice that says all lines plainly
    figures = expressed.measure(jobs, taught, plain, 2)
    assert list(figures) == ["slt", "kal16"]
    for name, least, most in (("end", 1.4, 1.7), ("pitch", 1.15, 1.35), ("word", 1.2, 1.4)):
        taught_ratio, plain_ratio = figures["slt"][name]
        assert least < taught_ratio < most
        assert plain_ratio == pytest.approx(1, abs=0.06)
    assert figures["slt"]["risen"] == [1, 0]
    for name in ("end", "pitch"):
        assert figures["kal16"][name] == pytest.approx([1, 1], abs=0.05)
    again = expressed.measure(jobs, taught, [audio.copy() for audio in taught], 2)
    for part in again.values():
        assert all(teachers == chains for teachers, chains in part.values())
    silent = expressed.measure(jobs[:8], taught[:8], [np.zeros(4800, np.float32)] * 8, 1)
    assert [silent["slt"][name][1] for name in ("end", "pitch", "length")] == [None] * 3
    assert "/ - |" in expressed.table(silent)


def test_encode_part_of_the_shards_only(trained):
    shutil.rmtree(trained / "codes")
    call("encode", "--work", trained, "--device", "cpu", "--chunk", 40, "--part", "1/3")
    assert [p.stem for p in (trained / "codes").iterdir()] == ["00001"]
    call("encode", "--work", trained, "--device", "cpu", "--chunk", 64, "--resume")
    assert len(list((trained / "codes").iterdir())) == len(teacher.shards(trained)) == 3


def test_encoding_can_wait_for_a_codec(trained, tmp_path):
    made = tmp_path / "codec.made"
    later = threading.Timer(2, made.touch)
    later.start()
    call("encode", "--work", trained, "--device", "cpu", "--resume", "--after", made)
    assert made.exists()
    later.join()


# everything


def test_everything_can_start_from_a_voice_or_a_codec(tmp_path, monkeypatch):
    told = {}

    def start(self, step, *options, threads=2):
        told[step] = [str(option) for option in options]
        return subprocess.Popen(["true"])

    monkeypatch.setattr(pipeline.Pipeline, "start", start)

    def starts(*options):
        call("all", "--work", tmp_path, "--devices", "cpu", *options)
        return [
            words[words.index("--start") + 1] if "--start" in words else None
            for words in (told["codec"], told["lm"])
        ]

    voice = tmp_path / "voice"
    assert starts("--start", voice) == [str(voice / "codec"), None]
    voice.mkdir()
    (voice / "model.safetensors").touch()
    assert starts("--start", voice) == [str(voice / "codec"), str(voice)]
    assert starts() == [None, None]


def test_a_step_that_fails_in_the_background_ends_everything(tmp_path, monkeypatch):
    jobs = {}

    def start(self, step, *options, threads=2):
        ends = {"text": "true", "teacher": "false"}  # the others go on
        jobs[step] = subprocess.Popen([ends[step]] if step in ends else ["sleep", "60"])
        return jobs[step]

    monkeypatch.setattr(pipeline.Pipeline, "start", start)
    with pytest.raises(SystemExit) as ending:
        call("all", "--work", tmp_path, "--devices", "cpu")
    assert ending.value.code == 1
    assert all(jobs[step].wait(10) < 0 for step in ("codec", "lm"))
