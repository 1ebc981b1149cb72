"""Every example in a docstring prints what it says it prints."""

import doctest
import importlib
import pkgutil

import pytest

import companion

MODULES = [module.name for module in pkgutil.walk_packages(companion.__path__, "companion.")]


@pytest.mark.parametrize("name", MODULES)
def test_examples(name):
    outcome = doctest.testmod(importlib.import_module(name), optionflags=doctest.NORMALIZE_WHITESPACE)
    assert outcome.failed == 0


def test_examples_are_found():
    found = doctest.DocTestFinder().find(importlib.import_module("companion.models.weak_cnn"))
    assert sum(len(test.examples) for test in found) > 0
