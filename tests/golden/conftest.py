"""The fixture that says whether stored texts are rewritten."""

from tests.golden_plugin import update_golden

__all__ = ["update_golden"]
