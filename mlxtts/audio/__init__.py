"""Sound after synthesis: files, playback, resampling, cutting. No MLX here.

Samples are float32, full scale 1; as bytes they are little-endian, channels interleaved.
"""
