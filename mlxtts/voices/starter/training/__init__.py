"""How the starter voice is made: text, teacher audio, codec, codes, language model, export,
measurement.

Run ``python -m mlxtts.voices.starter.training all --work DIR`` for everything, or one step at a
time; RECIPE.md tells what came out. Torch is imported here and nowhere else in mlxtts, and this
folder is not in the wheel.
"""
