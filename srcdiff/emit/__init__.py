"""From IR to text: the dump and the Python source."""
