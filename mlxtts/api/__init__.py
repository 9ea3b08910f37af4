"""The Python interface: models in memory, and the functions that mlxtts exports."""
