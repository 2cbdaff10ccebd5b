"""From generated text to compiled code: the files, the cache, the targets."""
