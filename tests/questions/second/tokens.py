"""Other right ways to write the functions of "A language model"."""

import numpy as np


def latencies(sent_s, arrived_s):
    return np.array(arrived_s)[0] - sent_s, np.diff(arrived_s).mean()


def kv_cache(config, tokens, prompts, bytes_per_number):
    share = config["num_key_value_heads"] / config["num_attention_heads"]
    each = 2 * config["hidden_size"] * share * config["num_hidden_layers"]
    return round(each * tokens * prompts * bytes_per_number)
