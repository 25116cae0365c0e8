"""What a 16-bit format loses

fp16 and bf16 both have 16 bits, but they lose different things. Cast a tensor to each format and back. Report which
values became infinite, which became zero, and how large the error of the others is.
"""

import torch
from jaxtyping import Float32
from torch import Tensor


def overflow_survey(x: Float32[Tensor, "n"]) -> dict[str, dict]:
    """For "float16" and "bfloat16": masks of the lost values, and the worst relative error of the others.

        {"float16":  {"overflowed": bool tensor (n,),   finite before, infinite after
                      "flushed":    bool tensor (n,),   not zero before, zero after
                      "error":      float},             max |cast − x| / |x| over all other values; 0.0 if none
         "bfloat16": {...the same...}}

    Zeros, infinities and NaNs in `x` do not count as lost, and the error leaves them out.

        overflow_survey(tensor([70000.]))["float16"]   ->  overflowed [True], flushed [False], error 0.0
        overflow_survey(tensor([70000.]))["bfloat16"]  ->  overflowed [False], flushed [False], error 144/70000 = 0.0021
                                                           (the nearest bf16 is 70144)
    """
    ### BEGIN SOLUTION
    report = {}
    for name, dtype in (("float16", torch.float16), ("bfloat16", torch.bfloat16)):
        cast = x.to(dtype).to(x.dtype)
        overflowed = cast.isinf() & x.isfinite()
        flushed = (cast == 0) & (x != 0)
        kept = x.isfinite() & (x != 0) & ~overflowed & ~flushed
        errors = ((cast - x) / x).abs()[kept]
        report[name] = {
            "overflowed": overflowed,
            "flushed": flushed,
            "error": errors.max().item() if errors.numel() else 0.0,
        }
    return report
    ### END SOLUTION
