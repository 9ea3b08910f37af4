"""The two wire formats, sans-I/O: `tokens` (token lines) and `pcm0` (binary audio frames).

Readers are push parsers: `feed(bytes)` iterates over what those bytes completed, `close()` says
that no more will come; what stands before an error is delivered before it is raised. They read no
file and keep at most one unfinished record, so any chunking of the same bytes gives the same
result. Standard library only.
"""
