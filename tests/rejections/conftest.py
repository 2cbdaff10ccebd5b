"""The fixture that says whether stored messages are rewritten."""

from tests.golden_plugin import update_golden

__all__ = ["update_golden"]
