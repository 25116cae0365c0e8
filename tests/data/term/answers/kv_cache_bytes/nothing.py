def kv_cache_bytes(config, length, dtype, batch=1):
    return None
