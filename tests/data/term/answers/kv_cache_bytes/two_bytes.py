def kv_cache_bytes(config, length, dtype, batch=1):
    heads = config["num_attention_heads"]
    width = config.get("head_dim", config["hidden_size"] // heads)
    return 4 * batch * length * config["num_hidden_layers"] * config.get("num_key_value_heads", heads) * width
