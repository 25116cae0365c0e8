import torch
import torch.nn.functional as F
from torch import Tensor

from reference import oracle, promoted


@oracle
def swiglu(x: Tensor, gate: Tensor, up: Tensor, down: Tensor) -> Tensor:
    dtype = x.dtype
    x, gate, up, down = promoted(x, gate, up, down)
    flat = x.reshape(-1, x.shape[-1])
    g, u = (torch.mm(w, flat.T).T for w in (gate, up))
    e = torch.exp(-g.abs())  # in (0, 1], whatever the sign of g
    sigmoid = torch.where(g >= 0, torch.ones_like(e), e) / (1 + e)
    return torch.mm(down, (g * sigmoid * u).T).T.reshape(x.shape).to(dtype)


def _branches(x: Tensor, gate: Tensor, up: Tensor) -> tuple[Tensor, Tensor]:
    return F.linear(x.float(), gate.float()), F.linear(x.float(), up.float())


def _down(hidden: Tensor, down: Tensor, x: Tensor) -> Tensor:
    return F.linear(hidden, down.float()).to(x.dtype)


@swiglu.right("the library's silu and linear")
def library(x: Tensor, gate: Tensor, up: Tensor, down: Tensor) -> Tensor:
    g, u = _branches(x, gate, up)
    return _down(F.silu(g) * u, down, x)


@swiglu.right("gate and up in one product, then split, as fused kernels do")
def one_product(x: Tensor, gate: Tensor, up: Tensor, down: Tensor) -> Tensor:
    g, u = (x.float() @ torch.cat([gate, up]).float().T).chunk(2, -1)
    return _down(u * (g * torch.sigmoid(g)), down, x)


@swiglu.right("sigmoid by tanh, products by einsum")
def by_tanh(x: Tensor, gate: Tensor, up: Tensor, down: Tensor) -> Tensor:
    g = torch.einsum("...d,fd->...f", x.float(), gate.float())
    u = torch.einsum("...d,fd->...f", x.float(), up.float())
    hidden = g * 0.5 * (1 + torch.tanh(g / 2)) * u
    return torch.einsum("...f,df->...d", hidden, down.float()).to(x.dtype)


@swiglu.right("g / (1 + exp(−g)): exp overflows to inf for very negative g, and g / inf is the right result, 0")
def by_division(x: Tensor, gate: Tensor, up: Tensor, down: Tensor) -> Tensor:
    g, u = _branches(x, gate, up)
    return _down(g / (1 + torch.exp(-g)) * u, down, x)


@swiglu.wrong("SiLU acts on the up branch: it must act on the gate")
def silu_on_up(x: Tensor, gate: Tensor, up: Tensor, down: Tensor) -> Tensor:
    g, u = _branches(x, gate, up)
    return _down(g * F.silu(u), down, x)


@swiglu.wrong("sigmoid was used instead of SiLU: that is the plain GLU; SiLU(z) is z · sigmoid(z)")
def sigmoid_gate(x: Tensor, gate: Tensor, up: Tensor, down: Tensor) -> Tensor:
    g, u = _branches(x, gate, up)
    return _down(torch.sigmoid(g) * u, down, x)


@swiglu.wrong("GELU was used instead of SiLU: that is GeGLU, as in Gemma")
def gelu_gate(x: Tensor, gate: Tensor, up: Tensor, down: Tensor) -> Tensor:
    g, u = _branches(x, gate, up)
    return _down(F.gelu(g) * u, down, x)


@swiglu.wrong("the tanh form of GELU was used instead of SiLU: that is GeGLU, as in Gemma")
def gelu_tanh_gate(x: Tensor, gate: Tensor, up: Tensor, down: Tensor) -> Tensor:
    g, u = _branches(x, gate, up)
    return _down(F.gelu(g, approximate="tanh") * u, down, x)


@swiglu.wrong("ReLU was used instead of SiLU: that is ReGLU")
def relu_gate(x: Tensor, gate: Tensor, up: Tensor, down: Tensor) -> Tensor:
    g, u = _branches(x, gate, up)
    return _down(F.relu(g) * u, down, x)


@swiglu.wrong("there is no activation: the gate must go through SiLU")
def bilinear(x: Tensor, gate: Tensor, up: Tensor, down: Tensor) -> Tensor:
    g, u = _branches(x, gate, up)
    return _down(g * u, down, x)


@swiglu.wrong("SiLU acts on the product: apply SiLU to the gate, then multiply")
def silu_of_product(x: Tensor, gate: Tensor, up: Tensor, down: Tensor) -> Tensor:
    g, u = _branches(x, gate, up)
    return _down(F.silu(g * u), down, x)


@swiglu.wrong("SiLU acts on both branches: the up branch stays linear")
def silu_on_both(x: Tensor, gate: Tensor, up: Tensor, down: Tensor) -> Tensor:
    g, u = _branches(x, gate, up)
    return _down(F.silu(g) * F.silu(u), down, x)


@swiglu.wrong("the branches were added: a gate multiplies")
def added(x: Tensor, gate: Tensor, up: Tensor, down: Tensor) -> Tensor:
    g, u = _branches(x, gate, up)
    return _down(F.silu(g) + u, down, x)


@swiglu.wrong("the up branch was left out: that is the plain feed-forward layer with two matrices")
def no_up(x: Tensor, gate: Tensor, up: Tensor, down: Tensor) -> Tensor:
    g, _ = _branches(x, gate, up)
    return _down(F.silu(g), down, x)


@swiglu.wrong("sigmoid was computed as exp(z) / (1 + exp(z)): from 89 on that is inf/inf, NaN")
def exp_overflows(x: Tensor, gate: Tensor, up: Tensor, down: Tensor) -> Tensor:
    g, u = _branches(x, gate, up)
    return _down(g * (g.exp() / (1 + g.exp())) * u, down, x)


swiglu.standard_wrongs(
    "low_precision_inside",
    formula=lambda x, gate, up, down: F.linear(F.silu(F.linear(x, gate)) * F.linear(x, up), down),
)


@swiglu.wrong("nothing was computed in float32: upcast x and the three weights first, and round once at the end")
def low_precision_by_sigmoid(x: Tensor, gate: Tensor, up: Tensor, down: Tensor) -> Tensor:
    g = x @ gate.T
    return (g * torch.sigmoid(g) * (x @ up.T)) @ down.T


@swiglu.wrong("the hidden values were rounded before the last product: keep float32 until the end")
def hidden_rounded(x: Tensor, gate: Tensor, up: Tensor, down: Tensor) -> Tensor:
    g, u = _branches(x, gate, up)
    return _down((F.silu(g) * u).to(x.dtype).float(), down, x)


swiglu.standard_wrongs("returns_fp32", formula=library)


@swiglu.wrong("the result has the dtype of the weights: it must have the dtype of `x`")
def in_the_dtype_of_the_weights(x: Tensor, gate: Tensor, up: Tensor, down: Tensor) -> Tensor:
    g, u = _branches(x, gate, up)
    return F.linear(F.silu(g) * u, down.float()).to(gate.dtype)
