import tests.model_code  # noqa: F401 - lets the checks import the code of the Triton models
