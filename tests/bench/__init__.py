"""Benchmarks that print a table each: `python -m tests.bench [NAME ...]`.

What is compared is measured in turn in one run; figures are medians, since machines are noisy.
"""
