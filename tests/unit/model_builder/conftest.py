"""Lets this folder's tests import the code of the Triton models."""

import tests.model_code  # noqa: F401 - changes sys.path
