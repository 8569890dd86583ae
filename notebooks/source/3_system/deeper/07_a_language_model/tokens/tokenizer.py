"""``tokenizer.py MODEL.gguf FOLDER``, in the environment 'aiperf': a model's tokenizer as aiperf
reads one.

By its name it would be fetched from the internet. SmolLM2's has byte pairs, and each digit is a
separate token.
"""

import json
import sys
from pathlib import Path

from gguf import GGUFReader
from tokenizers import Tokenizer, models
from tokenizers.decoders import ByteLevel as Decoder
from tokenizers.pre_tokenizers import ByteLevel, Digits, Sequence

fields, folder = GGUFReader(sys.argv[1]).fields, Path(sys.argv[2])
tokens, merges = (
    fields[f"tokenizer.ggml.{name}"].contents() for name in ("tokens", "merges")
)
tokenizer = Tokenizer(
    models.BPE(
        {token: number for number, token in enumerate(tokens)},
        [(*m.split(" "),) for m in merges],
    )
)
tokenizer.pre_tokenizer, tokenizer.decoder = (
    Sequence([Digits(True), ByteLevel(add_prefix_space=False)]),
    Decoder(),
)
folder.mkdir(parents=True, exist_ok=True)
tokenizer.save(str(folder / "tokenizer.json"))
config = {
    "tokenizer_class": "PreTrainedTokenizerFast",
    "bos_token": tokens[1],
    "eos_token": tokens[2],
}
(folder / "tokenizer_config.json").write_text(json.dumps(config))
