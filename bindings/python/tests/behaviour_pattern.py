"""Compares outcomes with the patterns of the behaviour suite, as tests/behaviour/README.md says."""

from __future__ import annotations

from typing import Any


def differs(pattern: Any, value: Any, where: str) -> str | None:
    """What differs; None if the value matches."""
    no = f"{where} is {value!r}, not {pattern!r}"
    if isinstance(pattern, dict):
        if len(pattern) == 1 and next(iter(pattern)).startswith("$"):
            return None if _operator(*next(iter(pattern.items())), value) else no
        if not isinstance(value, dict):
            return no
        found = (differs(one, value.get(key), f"{where}.{key}") for key, one in pattern.items())
        return next((one for one in found if one), None)
    if isinstance(pattern, list):
        if not isinstance(value, list) or len(value) != len(pattern):
            return no
        found = (differs(one, value[i], f"{where}[{i}]") for i, one in enumerate(pattern))
        return next((one for one in found if one), None)
    if isinstance(pattern, bool) or isinstance(value, bool):
        return None if pattern is value else no
    return None if pattern == value else no


def _operator(name: str, wanted: Any, value: Any) -> bool:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if name == "$contains":
        texts = wanted if isinstance(wanted, list) else [wanted]
        return isinstance(value, str) and all(text in value for text in texts)
    if name == "$at_least":
        return number and bool(value >= wanted)
    if name == "$at_most":
        return number and bool(value <= wanted)
    if name == "$length":
        return isinstance(value, list) and len(value) == wanted
    if name == "$some":
        return isinstance(value, list) and any(differs(wanted, one, "") is None for one in value)
    if name == "$present" and wanted is True:
        return value is not None
    if name == "$not":
        return differs(wanted, value, "") is not None
    if name == "$near":
        return number and bool(abs(value - wanted) <= 0.00001)
    raise ValueError(f"there is no operator {name}")
