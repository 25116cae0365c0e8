def exp_overflow(dtype):
    return None
