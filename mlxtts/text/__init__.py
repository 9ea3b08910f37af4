"""Text before synthesis: tags, sentences, and words for figures and signs. No MLX here."""
